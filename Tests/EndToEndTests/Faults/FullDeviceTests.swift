import FaultSupport
import Foundation
import TelemetryMQ
import Testing

/// A file system of its own for a test's queue, which ends with the process that holds it.
struct SmallDevice {
    /// As the queue sees it, and as the test does.
    let path: String
    let pathFromOutside: String
    /// Runs a program that sees the device.
    let wrapper: [String]

    static let isPermitted: Bool = {
        let probe = Process()
        probe.executableURL = URL(filePath: "/usr/bin/unshare")
        probe.arguments = ["--mount", "/bin/sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return false }
        probe.waitUntilExit()
        return probe.terminationStatus == 0
    }()

    init(_ stage: Stage, size: String) async throws {
        path = stage.path("device")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let holder = try stage.start(
            "device", executable: "/usr/bin/unshare",
            arguments: [
                "--mount", "/bin/sh", "-c",
                "mount -t tmpfs -o size=\(size) tmpfs \(path) && echo mounted && exec sleep infinity",
            ],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
        try await eventuallyTrue("device", unless: holder) { holder.output.contains("mounted") }
        pathFromOutside = "/proc/\(holder.pid)/root\(path)"
        wrapper = ["/usr/bin/nsenter", "--target", "\(holder.pid)", "--mount", "--"]
    }
}

@Suite("mq-server on a device without room", .timeLimit(.minutes(20)))
struct FullDeviceTests {
    /// One producer, 50 messages a frame.
    private struct Producer {
        var oracle = Oracle()
        var next: Int64 = 0

        /// Sends the next frame, or again the one that was refused; returns the error's code.
        mutating func publish(_ peer: RawPeer) throws -> String? {
            let numbers = next..<next + 50
            for number in numbers { oracle.send("p", number) }
            let payloads = numbers.map { Oracle.payload("p", $0) }.joined(separator: ",")
            let answer = members(
                try peer.ask(
                    #"{"type":"publish","producer_id":"p","sequence":\#(numbers.lowerBound),"payloads":[\#(payloads)]}"#
                ))
            guard answer["success"] as? Bool == true else { return try #require(answer["code"] as? String) }
            let offset = try #require(answer["offset"] as? Int64)
            for (place, number) in numbers.enumerated() {
                oracle.acknowledge("p", number, offset: offset + Int64(place))
            }
            next = numbers.upperBound
            return nil
        }

        /// Everything that was acknowledged can be read.
        func expectReadable(_ port: Int) throws {
            let reader = try RawPeer(port: port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            for offset in 0..<oracle.acknowledged.count {
                let message = members(try reader.receive())
                try #require(message["offset"] as? Int == offset)
            }
        }
    }

    @Test(
        "the producer is told, what is stored stays readable also after a kill, and publishing goes on when there is room",
        .enabled(if: SmallDevice.isPermitted, "mounting a tmpfs of its own is not permitted here"),
        arguments: ["always", "interval:20ms", "never"])
    func full(sync: String) async throws {
        try await Stage.run { stage in
            let device = try await SmallDevice(stage, size: "1m")
            let filler = device.pathFromOutside + "/filler"
            try Data(count: 600 * 1024).write(to: URL(filePath: filler))
            let settings = ["MQ_DATA_DIR": device.path + "/log", "MQ_SYNC": sync, "MQ_SEGMENT_BYTES": "64KiB"]
            var queue = try await stage.startQueue(settings, under: device.wrapper)
            var producer = Producer()
            var peer = try RawPeer(port: queue.port)
            var code: String?
            while code == nil { code = try producer.publish(peer) }
            #expect(code == "storage_full")
            #expect(producer.next > 500)

            for round in 0..<3 {
                for _ in 0..<20 {
                    let code = try producer.publish(peer)
                    #expect(code == "storage_full" || code == nil)
                }
                let commit = members(try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":\#(round)}"#))
                #expect(commit["success"] as? Bool == true || commit["code"] as? String == "storage_full")
                try producer.expectReadable(queue.port)
                queue.process.send(SIGKILL)
                _ = await queue.process.ended()
                queue = try await stage.startQueue(settings, under: device.wrapper)
                peer = try RawPeer(port: queue.port)
                try producer.expectReadable(queue.port)
            }

            let stored = producer.next
            try FileManager.default.removeItem(atPath: filler)
            for _ in 0..<20 { #expect(try producer.publish(peer) == nil) }
            #expect(producer.next == stored + 1000)
            #expect(
                members(try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":9}"#))["success"] as? Bool == true)
            try producer.expectReadable(queue.port)
            #expect(await queue.process.terminate() == 0)
            let log = device.pathFromOutside + "/log"
            #expect(try producer.oracle.violations(inDirectory: log) == [])
            #expect(try LogInspection(directory: log).problems == [])
        }
    }

    @Test(
        "both ends say that the queue is full, in words and numbers, count what they lose, blame nobody else, and go on when there is room",
        .enabled(if: SmallDevice.isPermitted, "mounting a tmpfs of its own is not permitted here"))
    func bothEnds() async throws {
        try await Stage.run { stage in
            let device = try await SmallDevice(stage, size: "1m")
            let filler = device.pathFromOutside + "/filler"
            try Data(count: 600 * 1024).write(to: URL(filePath: filler))
            let queue = try await stage.startQueue(
                ["MQ_DATA_DIR": device.path + "/log", "MQ_SEGMENT_BYTES": "64KiB"], under: device.wrapper)
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let streamer = try stage.startScraper(queue.port, exporter.url, ["BUFFER_BATCHES": "3"])
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("readiness", unless: streamer) { try await HTTP.get(port, "/ready").status == 200 }
            #expect(try await HTTP.get(queue.httpPort, "/ready").status == 200)
            #expect(try await HTTP.metric(port, "streamer_queue_accepting") == 1)

            var producer = Producer()
            let peer = try RawPeer(port: queue.port)
            while try producer.publish(peer) == nil {}
            // A small batch may still find room where a large one did not: until none does.
            let (ready, metrics, streamerReady) = try await eventually(
                "a queue and a streamer that are full", unless: streamer
            ) {
                let ready = try await HTTP.get(queue.httpPort, "/ready")
                let metrics = try await PrometheusSamples(queue.httpPort)
                let streamerReady = try await HTTP.get(port, "/ready")
                let isBlocked = try await HTTP.metric(port, "streamer_source_blocked") == 1
                let isAccepting = try await HTTP.metric(port, "streamer_queue_accepting") != 0
                let isFull = ready.status == 503 && metrics["telemetry_mq_storage_full"] == 1
                return isFull && isBlocked && !isAccepting && streamerReady.status == 503
                    ? (ready, metrics, streamerReady) : nil
            }
            #expect(ready.text.contains("No space left on device"))
            #expect(try await HTTP.get(queue.httpPort, "/health").status == 200)
            #expect(metrics["telemetry_mq_storage_failed"] == 0 && metrics.undeclared.isEmpty)
            #expect(metrics["telemetry_mq_refused_messages_total"] ?? 0 >= 50)
            #expect(streamerReady.text.contains("publishes are refused"))
            #expect(
                streamerReady.text.contains("No space left on device") && streamerReady.text.contains("3 batches wait"))
            #expect(streamerReady.text.contains(#""name":"source","ready":true"#))
            // Counted while it goes on, not once it is over.
            func skipped() async throws -> Double { try await HTTP.metric(port, "streamer_scrapes_skipped_total") ?? 0 }
            let before = try await skipped()
            try await eventuallyTrue("skipped scrapes", unless: streamer) { try await skipped() >= before + 20 }
            // For two seconds and more it was not asked: that is not the exporter's fault.
            let age = try #require(try await HTTP.metric(port, "streamer_last_scrape_age_seconds"))
            #expect(age < 2)
            let skips = streamer.logged.filter { $0["message"] as? String == "scrapes skipped" }
            #expect(
                skips.contains { ($0["reason"] as? String)?.contains("BUFFER_BATCHES") == true } && skips.count <= 40)
            #expect(
                queue.process.errors.components(separatedBy: "publishes are refused until there is room").count <= 40)

            try FileManager.default.removeItem(atPath: filler)
            try await eventuallyTrue("readiness of the queue", unless: queue.process) {
                try await HTTP.get(queue.httpPort, "/ready").status == 200
            }
            try await eventuallyTrue("readiness of the streamer", unless: streamer) {
                try await HTTP.get(port, "/ready").status == 200
            }
            #expect(try await HTTP.metric(port, "streamer_queue_accepting") == 1)
            #expect(await streamer.terminate() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["undelivered"] as? Int == 0 && (summary["scrapes_skipped"] as? Int ?? 0) >= 20)
            #expect(await queue.process.terminate() == 0)
        }
    }

    @Test(
        "a limit of the files' size refuses what is beyond it, and ends nothing",
        .enabled(if: ConnectionFloodTests.isPermitted, "there is no /usr/bin/prlimit"),
        arguments: ["always", "interval:20ms"])
    func fileSize(sync: String) async throws {
        try await Stage.run { stage in
            let settings = ["MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": sync]
            var queue = try await stage.startQueue(
                settings, under: [ConnectionFloodTests.prlimit, "--fsize=100000:unlimited", "--"])
            var producer = Producer()
            var peer = try RawPeer(port: queue.port)
            var code: String?
            while code == nil { code = try producer.publish(peer) }
            for _ in 0..<10 { #expect(try producer.publish(peer) == "storage_full") }
            try producer.expectReadable(queue.port)
            #expect(await queue.process.terminate() == 0)

            queue = try await stage.startQueue(settings)
            peer = try RawPeer(port: queue.port)
            for _ in 0..<10 { #expect(try producer.publish(peer) == nil) }
            try producer.expectReadable(queue.port)
            #expect(await queue.process.terminate() == 0)
            #expect(try producer.oracle.violations(inDirectory: stage.path("log")) == [])
        }
    }
}
