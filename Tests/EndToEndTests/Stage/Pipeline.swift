import FaultSupport
import Foundation
import Testing

/// Our programs on loopback ports, wired to each other and awaited.
extension Stage {
    struct Queue: Sendable {
        var process: ChildProcess
        var port: Int
        var httpPort: Int
    }

    struct API: Sendable {
        var process: ChildProcess
        var port: Int
    }

    func startQueue(_ environment: [String: String] = [:], under wrapper: [String] = []) async throws -> Queue {
        // Not a port that the system picks: a queue that comes back to it might find a client's connection there.
        let process = try start(
            .mqServer,
            ["TCP_HOST": "127.0.0.1", "TCP_PORT": "\(try freePort())", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"]
                .merging(environment) { $1 },
            under: wrapper)
        let line = try await listening(process)
        let queue = Queue(process: process, port: try port(line["tcp"]), httpPort: try port(line["http"]))
        try await eventuallyTrue("health of mq-server", unless: process) {
            try await HTTP.get(queue.httpPort, "/health").status == 200
        }
        return queue
    }

    func startAPI(_ queuePort: Int, _ environment: [String: String] = [:]) async throws -> API {
        let process = try start(
            .api,
            ["API_HOST": "127.0.0.1", "API_PORT": "0", "MQ_HOST": "127.0.0.1", "MQ_PORT": "\(queuePort)"].merging(
                environment
            ) { $1 })
        let api = API(process: process, port: try port(try await listening(process)["http"]))
        try await eventuallyTrue("health of api", unless: process) {
            try await HTTP.get(api.port, "/health").status == 200
        }
        return api
    }

    func startStreamer(
        _ queuePort: Int, csv source: String, _ environment: [String: String] = [:], input: Int32? = nil,
        terminal: String? = nil
    ) throws -> ChildProcess {
        try start(
            .streamer,
            [
                "SOURCE": source, "LOOP": "false", "TIMESTAMPS": "source", "MQ_HOST": "127.0.0.1",
                "MQ_PORT": "\(queuePort)",
                "STREAM_INTERVAL": "200ms",
            ].merging(environment) { $1 }, input: input, terminal: terminal)
    }

    /// - Parameter environment: tells the database.
    func startCollector(_ queuePort: Int, _ environment: [String: String]) throws -> ChildProcess {
        try start(
            .collector,
            ["MQ_HOST": "127.0.0.1", "MQ_PORT": "\(queuePort)", "FLUSH_INTERVAL": "50ms"].merging(environment) { $1 })
    }

    func startCollector(_ queuePort: Int, influxDBPort: Int, _ environment: [String: String] = [:]) throws
        -> ChildProcess
    {
        try startCollector(queuePort, ["INFLUXDB_URL": "http://127.0.0.1:\(influxDBPort)"].merging(environment) { $1 })
    }

    /// Sends the whole export through a queue and a collector into a database, and expects it from an api that asks this.
    ///
    /// - Parameter storage: settings of the database, for both.
    func expectExport(_ export: RealExport, csv: String, through storage: [String: String]) async throws {
        let queue = try await startQueue()
        let collector = try startCollector(queue.port, storage)
        let api = try await startAPI(queue.port, storage)
        let streamer = try startStreamer(queue.port, csv: csv)
        #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
        try await REST.awaitSamples(2470, api)
        try await REST.expectWhole(export, api.port)
        #expect(await collector.terminate() == 0)
        #expect(try #require(collector.logged("finished"))["stored"] as? Int == 2470)
    }

    /// The port on which a program that was asked for one serves its status.
    func httpPort(_ process: ChildProcess) async throws -> Int { try port(try await listening(process)["http"]) }

    private func listening(_ process: ChildProcess) async throws -> [String: Any] {
        let boxed = try await eventually("line that \(process.name) listens", unless: process) {
            process.logged("listening").map { Line(members: $0.mapValues { "\($0)" }) }
        }
        return boxed.members
    }

    private struct Line: Sendable { var members: [String: String] }

    private func port(_ address: Any?) throws -> Int {
        guard let text = address as? String, let port = text.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw StageError("no port in \(address ?? "nothing")")
        }
        return port
    }
}

/// What the REST API answers, in the test's own types.
enum REST {
    struct List<Item: Decodable & Sendable>: Decodable, Sendable {
        var data: [Item]
        var count: Int
        var total: Int
    }

    struct GPU: Decodable, Sendable {
        var uuid, gpu_id, device, model_name, hostname, first_seen, last_seen: String
    }

    struct Metric: Decodable, Sendable {
        var name: String
        var sample_count, gpu_count: Int
    }

    struct Sample: Decodable, Sendable {
        var timestamp, metric_name, uuid, gpu_id, model_name, hostname: String
        var value: Double
        var labels: [String: String]
    }

    struct Statistics: Decodable, Sendable {
        struct Store: Decodable, Sendable { var sample_count, gpu_count, metric_count: Int }
        struct Feed: Decodable, Sendable { var digest: String }
        var store: Store
        /// Where the api itself reads the queue.
        var queue: Feed?
        var sample_count: Int { store.sample_count }
    }

    /// Every item of a list, page by page.
    static func all<Item: Decodable & Sendable>(_ type: Item.Type, _ port: Int, _ path: String) async throws -> [Item] {
        var items: [Item] = []
        while true {
            let page = try await HTTP.json(
                List<Item>.self, port, path + (path.contains("?") ? "&" : "?") + "limit=100&offset=\(items.count)")
            #expect(page.count == page.data.count)
            items += page.data
            if page.data.isEmpty || items.count >= page.total { return items }
        }
    }

    /// Waits until the store holds so many samples.
    static func awaitSamples(_ count: Int, _ api: Stage.API, within limit: Duration = .seconds(60)) async throws {
        try await eventuallyTrue("\(count) samples in the store", within: limit, unless: api.process) {
            let held = try await HTTP.json(Statistics.self, api.port, "/api/v1/stats").sample_count
            if held > count { throw StageError("\(held) samples, more than the \(count) that were published") }
            if held < count { throw StageError("\(held) samples so far") }
            return true
        }
    }

    /// Compares everything that the API serves with the rows of the export.
    static func expectWhole(_ export: RealExport, _ port: Int) async throws {
        let gpus = try await all(GPU.self, port, "/api/v1/gpus")
        #expect(gpus.count == export.uuids.count)
        #expect(Set(gpus.map(\.uuid)) == export.uuids)
        let metrics = try await HTTP.json(List<Metric>.self, port, "/api/v1/metrics").data
        #expect(metrics.map(\.name) == export.metrics.sorted())
        #expect(metrics.allSatisfy { $0.gpu_count == export.rows.count { row in row.metric == metrics[0].name } })

        let rowsByGPU = Dictionary(grouping: export.rows, by: \.uuid)
        var samples: [String: Double] = [:]
        for gpu in gpus {
            for sample in try await all(Sample.self, port, "/api/v1/gpus/\(gpu.uuid)/telemetry") {
                #expect(sample.uuid == gpu.uuid)
                samples["\(sample.metric_name) \(sample.uuid) \(sample.timestamp)"] = sample.value
            }
            let row = try #require(rowsByGPU[gpu.uuid]?.first)
            #expect(gpu.hostname == row.host && gpu.gpu_id == row.gpuID && gpu.model_name == row.model)
        }
        // Doubles are compared exactly: what was read, sent, stored and served again is the same number.
        #expect(samples == export.samples)
    }
}
