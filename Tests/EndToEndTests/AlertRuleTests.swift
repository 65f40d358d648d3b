import FaultSupport
import Foundation
import Testing

/// The rules of the chart, which Operations shows, on what real programs serve while they are healthy and while they are not.
@Suite("Alert rules", .timeLimit(.minutes(10)))
struct AlertRuleTests {
    static let rules = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../deploy/helm/gpu-telemetry/alerts.yaml").standardized.path

    /// What is planted, and the alerts that must fire for it.
    enum Fault: String, CaseIterable, CustomTestStringConvertible {
        case streamerKilled = "a streamer is killed"
        case queueKilled = "the queue is killed"
        case storageFailed = "a sync of the queue's device fails"
        case deviceFull = "the queue's device is full"
        case clockAhead = "the queue's clock was a year ahead for one message"
        case otherLog = "the queue begins a log anew"
        case readerOvertaken = "retention overtakes a consumer that is connected"
        case consumerKilled = "a collector is killed"
        case consumerOvertaken = "retention overtakes a consumer that is gone"
        case readerStuck = "a reader reads nothing"
        case exporterNeverThere = "an exporter never responds"
        case exporterStopped = "an exporter stops"
        case gpuLost = "a GPU falls off the bus"
        case badLines = "an exporter writes a line that cannot be read"
        case databaseStopped = "the database stops"
        case samplesRefused = "the database refuses samples for good"
        case notABatch = "something else than batches is published"
        case retentionFails = "a segment cannot be deleted"
        case tooManyPositions = "more subscriber ids commit than the queue keeps positions"

        var testDescription: String { rawValue }

        var alerts: Set<String> {
            switch self {
            case .streamerKilled: ["TargetDown", "NothingPublished"]
            case .queueKilled: ["TargetDown", "StreamerWithoutQueue", "GatewayWithoutQueue", "ScrapesSkipped"]
            case .storageFailed: ["QueueStorageFailed", "NothingPublished", "QueueRefuses"]
            case .deviceFull: ["QueueFull", "NothingPublished", "QueueRefuses"]
            case .clockAhead: ["QueueClockAhead", "MessagesUndecodable"]
            case .otherLog: ["QueueHasOtherLog"]
            case .readerOvertaken: ["ReaderLostMessages", "ConsumerLostMessages", "MessagesUndecodable"]
            case .consumerKilled: ["TargetDown", "ConsumerGone"]
            case .consumerOvertaken: ["TargetDown", "ConsumerGone", "ConsumerLostMessages"]
            case .readerStuck: ["SubscriberBehind", "ConsumerStuck", "MessagesUndecodable"]
            case .exporterNeverThere, .exporterStopped: ["ExporterAway", "NothingPublished"]
            case .gpuLost: ["GPUVanished"]
            case .badLines: ["RowsRejected"]
            case .databaseStopped: ["DatabaseAway", "GatewayWithoutStore", "GatewayErrors"]
            case .samplesRefused: ["SamplesRefused"]
            case .notABatch: ["MessagesUndecodable"]
            case .retentionFails: ["QueueRetentionFails", "MessagesUndecodable"]
            case .tooManyPositions: ["PositionsRefused"]
            }
        }
    }

    /// What fires for it where it lasts longer than the streamer's buffer does.
    static func laterAlerts(_ fault: Fault) -> Set<String> {
        fault == .deviceFull || fault == .storageFailed ? ["ScrapesSkipped"] : []
    }

    @Test("every rule is one that a planted fault makes fire")
    func covered() throws {
        let text = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let names = Set(text.matches(of: #/- alert: (\w+)/#).map { String($0.1) })
        let planted = Fault.allCases.reduce(into: Set<String>()) { $0.formUnion($1.alerts) }
        #expect(names == planted)
    }

    @Test(
        "a healthy fleet whose jobs change at every scrape makes none fire",
        .enabled(if: InfluxDB.isPresent, InfluxDB.absent))
    func healthy() async throws {
        try await Stage.run { stage in
            var fleet = try await AlertFleet(stage)
            try await fleet.run(minutes: 60)
            let fired = try fleet.recorded.firing(rules: Self.rules, in: stage.directory)
            #expect(fired == [])
        }
    }

    @Test(
        "a planted fault makes its alerts fire, and no other", .enabled(if: InfluxDB.isPresent, InfluxDB.absent),
        arguments: Fault.allCases)
    func planted(_ fault: Fault) async throws {
        try await Stage.run { stage in
            var fleet = try await AlertFleet(stage, fault)
            try await fleet.run(minutes: 5)
            try await fleet.plant(fault)
            try await fleet.run(minutes: 35)
            let fired = try fleet.recorded.firing(rules: Self.rules, in: stage.directory)
            #expect(fired.subtracting(Self.laterAlerts(fault)) == fault.alerts, "fired: \(fired.sorted())")
        }
    }
}

/// One of everything, with its `/metrics`.
struct AlertFleet {
    private let stage: Stage
    private let exporter: Stage.Exporter
    private let database: InfluxDB
    private var queue: Stage.Queue
    private let streamer: ChildProcess
    private let collector: ChildProcess
    private let gateway: Stage.API
    /// With the database in place of the memory store.
    private let historian: Stage.API
    private var targets: [RecordedMetrics.Target] = []
    private var reader: RawPeer?
    private var device: SmallDevice?
    private var exporterText: (_ minute: Int) -> String = { AlertFleet.text(job: $0) }
    private var asksDatabase = false
    private var isPublishingOften = false
    private(set) var recorded = RecordedMetrics()

    static func text(job: Int, gpus: Int = 2, more: String = "") -> String {
        let all = ["36", "41"].prefix(gpus)
        // A series of a pod that is another at every reading.
        let pod =
            "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"\(ScrapeExporter.uuids[0])\",hostname=\"dgx-031\",pod=\"job-\(job)\"} 97\n"
        return ScrapeExporter(temperatures: Array(all), power: all.map { _ in "300" }, more: pod + more).text
    }

    init(_ stage: Stage, _ fault: AlertRuleTests.Fault? = nil) async throws {
        self.stage = stage
        database = try await stage.startInfluxDB()
        exporter = try await stage.startExporter(Self.text(job: 0))
        var settings = ["MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": "interval:50ms"]
        var wrapper: [String] = []
        switch fault {
        case .deviceFull:
            let device = try await SmallDevice(stage, size: "1m")
            settings["MQ_DATA_DIR"] = device.path + "/log"
            settings["MQ_SEGMENT_BYTES"] = "64KiB"
            wrapper = device.wrapper
            self.device = device
        case .storageFailed:
            wrapper = [
                "/usr/bin/strace", "-D", "-f", "-o", stage.path("trace"), "-e", "trace=fdatasync", "-e",
                "inject=fdatasync:error=EIO:when=20+",
            ]
        case .consumerOvertaken, .readerOvertaken, .retentionFails:
            settings["MQ_SEGMENT_BYTES"] = "64KiB"
            settings["MQ_RETENTION_BYTES"] = "64KiB"
            guard fault == .retentionFails else { break }
            wrapper = [
                "/usr/bin/strace", "-D", "-f", "-o", stage.path("trace"), "-e", "trace=unlink,unlinkat", "-e",
                "inject=unlink,unlinkat:error=EPERM",
            ]
        case .tooManyPositions: settings["MQ_MAX_POSITIONS"] = "1"
        default: break
        }
        queue = try await stage.startQueue(settings, under: wrapper)
        let url = fault == .exporterNeverThere ? "http://127.0.0.1:\(try freePort())/metrics" : exporter.url
        streamer = try stage.startScraper(
            queue.port, url, every: fault == .queueKilled ? "20ms" : "300ms", ["TIMESTAMPS": "now"])
        let status = ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "DRAIN_TIMEOUT": "1s"]
        collector = try stage.startCollector(queue.port, influxDBPort: database.port, status)
        gateway = try await stage.startAPI(queue.port)
        historian = try await stage.startAPI(
            queue.port, ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)"])
        targets = [
            .init(name: "queue", port: queue.httpPort),
            .init(name: "streamer", port: try await stage.httpPort(streamer)),
            .init(name: "collector", port: try await stage.httpPort(collector)),
            .init(name: "gateway", port: gateway.port),
            .init(name: "historian", port: historian.port),
        ]
        guard fault != .exporterNeverThere else { return }
        // Everything has worked once.
        let (collectorPort, gatewayPort) = (targets[2].port, gateway.port)
        try await eventuallyTrue("samples in both stores") {
            let stored = try await HTTP.metric(collectorPort, "collector_samples_stored_total") ?? 0
            let connected = try await HTTP.metric(gatewayPort, "telemetry_feed_connected")
            return stored > 0 && connected == 1
        }
    }

    /// A reading after the other, with a scrape or more in between.
    mutating func run(minutes: Int) async throws {
        for _ in 0..<minutes {
            try exporter.page.serve(exporterText(recorded.minutes))
            if asksDatabase { for _ in 0..<8 { _ = try? await HTTP.get(historian.port, "/api/v1/gpus") } }
            if isPublishingOften {
                let peer = try RawPeer(port: queue.port)
                let payloads = (0..<200).map { "{\"n\":\($0)}" }.joined(separator: ",")
                _ = try peer.ask(#"{"type":"publish","payloads":[\#(payloads)]}"#)
            }
            try await Task.sleep(for: .milliseconds(150))
            try await recorded.read(targets)
        }
    }

    mutating func plant(_ fault: AlertRuleTests.Fault) async throws {
        switch fault {
        case .streamerKilled: await kill(streamer)
        case .queueKilled:
            await kill(queue.process)
            // That publishes are without a response is no fault beside this one.
            let port = targets[1].port
            try await eventuallyTrue("a publish that waits too long") {
                try await HTTP.metric(port, "streamer_queue_accepting") == 0
            }
        // Comes by itself, and is there from the start.
        case .storageFailed, .exporterNeverThere: break
        case .deviceFull:
            let room = device!.pathFromOutside + "/filler"
            try Data().write(to: URL(filePath: room))
            let file = try FileHandle(forWritingTo: URL(filePath: room))
            // To the last block.
            while (try? file.write(contentsOf: Data(count: 4096))) != nil {}
        case .clockAhead:
            _ = await queue.process.terminate()
            let settings = [
                "MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": "interval:50ms", "TCP_PORT": "\(queue.port)",
                "HTTP_PORT": "\(queue.httpPort)",
            ]
            // Not by the command of that name, which would get the signal in the program's place.
            let clock = ["/usr/bin/env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", "FAKETIME=+1y"]
            let ahead = try await stage.startQueue(settings, under: clock)
            _ = try RawPeer(port: ahead.port).ask(#"{"type":"publish","payload":{"batch_id":"x"}}"#)
            _ = await ahead.process.terminate()
            queue = try await stage.startQueue(settings)
        case .otherLog:
            _ = await queue.process.terminate()
            queue = try await stage.startQueue([
                "MQ_DATA_DIR": stage.path("other-log"), "TCP_PORT": "\(queue.port)", "HTTP_PORT": "\(queue.httpPort)",
            ])
        case .readerOvertaken:
            collector.send(SIGSTOP)
            try publishMuch()
            let port = queue.httpPort
            try await eventuallyTrue("a log without what was published") {
                try await HTTP.metric(port, "telemetry_mq_oldest_offset") ?? 0 > 1500
            }
            collector.send(SIGCONT)
        case .consumerKilled: await kill(collector)
        case .consumerOvertaken:
            await kill(collector)
            isPublishingOften = true
        case .readerStuck:
            let reader = try RawPeer(port: queue.port)
            _ = try reader.ask(#"{"type":"ack","subscriber_id":"stuck","offset":0}"#)
            try reader.send(#"{"type":"subscribe","subscriber_id":"stuck","offset":0}"#)
            self.reader = reader
            try publishMuch()
        case .retentionFails: isPublishingOften = true
        case .exporterStopped: await kill(exporter.process)
        case .gpuLost: exporterText = { AlertFleet.text(job: $0, gpus: 1) }
        case .badLines: exporterText = { AlertFleet.text(job: $0, more: "DCGM_FI_DEV_GPU_TEMP{UUID=\"GPU-1\" 36\n") }
        case .databaseStopped:
            asksDatabase = true
            await kill(database.process)
        case .samplesRefused:
            exporterText = {
                AlertFleet.text(
                    job: $0, more: "DCGM_FI_DEV_MEM_CLOCK{UUID=\"\(ScrapeExporter.uuids[0])\",hostname=\"dgx-031\"} 5\n"
                )
            }
            // Its field is an integer in this shard.
            _ = try await HTTP.request(
                database.port, "POST", "/write?db=gpu_telemetry", body: Data("DCGM_FI_DEV_MEM_CLOCK value=1i\n".utf8))
        case .tooManyPositions:
            let peer = try RawPeer(port: queue.port)
            for id in 0..<3 { _ = try peer.ask(#"{"type":"ack","subscriber_id":"made-up-\#(id)","offset":0}"#) }
        case .notABatch: _ = try RawPeer(port: queue.port).ask(#"{"type":"publish","payload":"not a batch"}"#)
        }
    }

    /// More than the buffers of a connection hold.
    private func publishMuch() throws {
        let payload = String(repeating: "x", count: 10_000)
        let payloads = (0..<50).map { "{\"n\":\($0),\"x\":\"\(payload)\"}" }.joined(separator: ",")
        for _ in 0..<40 { _ = try RawPeer(port: queue.port).ask(#"{"type":"publish","payloads":[\#(payloads)]}"#) }
    }

    private func kill(_ process: ChildProcess) async {
        process.send(SIGKILL)
        _ = await process.ended()
    }
}
