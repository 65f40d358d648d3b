import FaultSupport
import Foundation
import TelemetryMQ
import Testing

/// The real `api`, whose count of its memory is compared with what its allocator has given out.
@Suite("MEMORY_LIMIT", .timeLimit(.minutes(20)), .serialized)
struct MemoryLimitTests {
    enum Shape: String, CaseIterable, Sendable { case fewSeries, manySeries, longLabels, churn }

    /// Columnar batches of a shape, and the number of their samples.
    private static func batches(_ shape: Shape) -> (batches: [String], samples: Int) {
        var values = SeededRandom(seed: 7)
        let texts = (0..<4096).map { _ in "\(Double(Int.random(in: 0..<1_000_000, using: &values)) / 7)" }
        let (count, gpus, metrics, ticks): (Int, Int, Int, Int) =
            switch shape {
            case .fewSeries: (100, 100, 2, 100)
            case .manySeries: (60, 10, 50, 3)
            case .longLabels: (60, 10, 10, 2)
            case .churn: (200, 20, 10, 2)
            }
        let labels =
            switch shape {
            case .longLabels:
                #"["shared","\#(String(repeating: "x", count: 2000))","own","{uuid}\#(String(repeating: "y", count: 2000))"]"#
            default:
                #"["instance","{hostname}:9400","UUID","{uuid}","pod_name","{pod}","job","dcgm-exporter-of-the-cluster"]"#
            }
        let metricNames = (0..<metrics).map { "\"DCGM_FI_DEV_METRIC_NUMBER_\($0)\"" }.joined(separator: ",")
        let batches = (0..<count).map { number in
            // In all shapes but two the GPUs stay the same; under churn each batch brings new pods.
            let own = shape == .manySeries || shape == .longLabels ? number : 0
            let pods = (0..<gpus).map { shape == .churn ? "\"training-job-with-a-name-\(number)-\($0)\"" : "\"\"" }
            let identities = (0..<gpus).map {
                "[\"GPU-\(own)-\($0)-1111-2222-3333-444444444444\",0,1,2,3,4,\(5 + $0),4]"
            }
            let series = gpus * metrics
            var time = [0, series]
            for _ in 1..<ticks { time += [1_000_000_000, 1, 0, series - 1] }
            // The series in turn, tick by tick.
            var indices = [1, series]
            for _ in 1..<ticks { indices += [1 - series, 1, 1, series - 1] }
            var metric: [Int] = [1, metrics]
            for _ in 1..<gpus { metric += [1 - metrics, 1, 1, metrics - 1] }
            var gpu: [Int] = [1, 1, 0, metrics - 1]
            for _ in 1..<gpus { gpu += [1, 1, 0, metrics - 1] }
            let base = Date(timeIntervalSince1970: 1_752_871_354 + Double(own > 0 ? 0 : number * ticks)).formatted(
                .iso8601)
            let column = (0..<series * ticks).map { texts[($0 &* 31 &+ number &* 17) & 4095] }.joined(separator: ",")
            return """
                {"format":"columnar/1","batch_id":"\(shape)-\(number)","source":"s","collected_at":"2025-07-18T20:42:39Z",\
                "strings":["0","nvidia0","NVIDIA H100 80GB HBM3","a-host-with-a-long-name-\(own)",""\(pods.map { "," + $0 }.joined())],\
                "gpus":[\(identities.joined(separator: ","))],"metrics":[\(metricNames)],"labels":[\(labels)],\
                "series":{"gpu":\(gpu),"metric":\(metric),"labels":[1,1,0,\(series - 1)]},\
                "samples":{"series":\(indices),"base_time":"\(base)","time":\(time),"value":[\(column)]}}
                """
        }
        return (batches, count * gpus * metrics * ticks)
    }

    private static func publish(_ batches: [String], to port: Int) async throws {
        try await MQClient.withClient(MQClient.Configuration(host: "127.0.0.1", port: port)) { client in
            for batch in batches { try await client.publish(batch) }
        }
    }

    private static func held(_ metrics: PrometheusSamples) -> Double {
        ["samples", "times", "series", "tables"].reduce(0) {
            $0 + (metrics["telemetry_memory_bytes", ["kind": $1]] ?? .nan)
        }
    }

    @Test(
        "the store's own count is within a quarter of what the process has allocated for it", arguments: Shape.allCases)
    func count(shape: Shape) async throws {
        let (batches, samples) = Self.batches(shape)
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            // So that what a connection, a decoder and a pass through the store take once is not counted for the samples.
            try await Self.publish([batches[0]], to: queue.port)
            try await REST.awaitSamples(samples / batches.count, api)
            let before = try await PrometheusSamples(api.port)
            try await Self.publish(Array(batches.dropFirst()), to: queue.port)
            try await REST.awaitSamples(samples, api)
            let after = try await PrometheusSamples(api.port)
            let name = "telemetry_process_allocated_bytes"
            let allocated = try #require(after[name]) - #require(before[name])
            let held = Self.held(after) - Self.held(before)
            #expect(held > 6_000_000, "\(shape): the shape is large enough to see it")
            #expect((0.75...1.25).contains(held / allocated), "\(shape): \(held) counted, \(allocated) allocated")
            #expect(
                after["telemetry_memory_evicted_samples_total"] == 0
                    && after["telemetry_memory_late_samples_total"] == 0)
        }
    }

    @Test(
        "the limit holds, and whatever it makes go is counted, logged once and shown",
        arguments: [Shape.fewSeries, .churn])
    func limit(shape: Shape) async throws {
        let limit = 4 << 20
        let (batches, samples) = Self.batches(shape)
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port, ["MEMORY_LIMIT": "4MiB"])
            let before = try await PrometheusSamples(api.port)
            try await Self.publish(batches, to: queue.port)
            try await eventuallyTrue("all messages", unless: api.process) {
                try await PrometheusSamples(api.port)["telemetry_feed_samples_total"] == Double(samples)
            }
            let after = try await PrometheusSamples(api.port)
            #expect(Self.held(after) <= Double(limit))
            #expect(Self.held(after) > Double(limit) / 2, "no more goes than must")
            let allocated =
                (after["telemetry_process_allocated_bytes"] ?? .nan)
                - (before["telemetry_process_allocated_bytes"] ?? .nan)
            // Beside it the process has what it receives, decodes and groups.
            #expect(allocated < Double(limit) * 1.25 + 8e6)
            let evicted = try #require(after["telemetry_memory_evicted_samples_total"])
            let late = try #require(after["telemetry_memory_late_samples_total"])
            let stored = try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count
            #expect(evicted > 0 && Double(stored) + evicted + late == Double(samples))
            #expect(after["telemetry_memory_evicting"] == 1)
            if shape == .churn { #expect(try #require(after["telemetry_memory_evicted_series_total"]) == 0) }
            let ready = try await HTTP.get(api.port, "/ready")
            #expect(ready.status == 200 && ready.text.contains("the oldest samples are being evicted"))
            #expect(try await HTTP.get(api.port, "/api/v1/stats").text.contains("\"evicted_samples\":\(Int(evicted))"))
            #expect(await api.process.terminate() == 0)
            #expect(api.process.errors.components(separatedBy: "MEMORY_LIMIT is reached").count == 2)
        }
    }
}
