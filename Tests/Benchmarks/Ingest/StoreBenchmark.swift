import BenchmarkSupport
import Glibc
import Synchronization
import TelemetryKit

/// Fills a ``MemoryStore`` with samples of a made-up ``Fleet`` and asks it, first alone and then while more are written. Prints samples
/// inserted a second by one thread, bytes a sample as the store counts them and as the process grows, and milliseconds a query: of
/// half and of 99 % of them.
struct StoreBenchmark {
    let samples: Int
    let interval: Int
    let jitter: Fleet.Jitter
    let repeats: Int
    /// Samples a second that are written while the second half is asked.
    let rate: Int

    /// Rows a batch, as a streamer sends them when it is busy.
    private static let batchSize = 10_000

    /// Makes batches of the fleet's samples, without an end.
    private struct Source {
        var fleet: Fleet
        let series: [MetricSeries]
        private var waiting = MetricBatch(batchID: "b", source: "bench-1", collectedAt: Timestamp(nanoseconds: 0))
        private(set) var newest = Int64.min

        init(_ fleet: Fleet) {
            self.fleet = fleet
            series = (0..<fleet.gpuCount).flatMap { gpu in Fleet.metrics.map { StoreBenchmark.series(gpu, $0) } }
        }

        mutating func next() -> MetricBatch {
            let metrics = Fleet.metrics.count
            while true {
                // A batch has whole ticks.
                if waiting.isEmpty { for one in series { _ = waiting.addSeries(one) } }
                fleet.next { gpu, metric, time, value in
                    waiting.append(seriesIndex: UInt32(gpu * metrics + metric), timestamp: time, value: value)
                    newest = max(newest, time)
                }
                guard waiting.count + series.count > StoreBenchmark.batchSize else { continue }
                defer { waiting = MetricBatch(batchID: "b", source: "bench-1", collectedAt: Timestamp(nanoseconds: 0)) }
                return waiting
            }
        }
    }

    private static func series(_ gpu: Int, _ metric: String) -> MetricSeries {
        let host = "dgx-\(Fleet.host(of: gpu))-hgpu-01"
        let uuid = "GPU-5fd4f087-86f3-7a43-b711-\(100_000_000_000 + gpu)"
        let labels = [
            ("DCGM_FI_DRIVER_VERSION", "535.129.03"), ("Hostname", host), ("UUID", uuid), ("__name__", metric),
            ("device", "nvidia\(gpu % 8)"),
            ("gpu", "\(gpu % 8)"), ("instance", host + ":9400"), ("job", "dgx_dcgm_exporter"),
            ("modelName", "NVIDIA H100 80GB HBM3"),
        ]
        return MetricSeries(
            metricName: metric,
            gpu: GPUIdentity(
                gpuID: "\(gpu % 8)", device: "nvidia\(gpu % 8)", uuid: uuid, modelName: "NVIDIA H100 80GB HBM3",
                hostname: host),
            labels: labels.map { MetricLabel(name: $0.0, value: $0.1) })
    }

    func run() async {
        var source = Source(Fleet(interval: interval, jitter: jitter, seed: 1))
        var batches: [MetricBatch] = []
        while batches.reduce(0, { $0 + $1.count }) < samples { batches.append(source.next()) }
        let count = batches.reduce(0) { $0 + $1.count }
        let store = MemoryStore(configuration: .init(maxBytes: nil))
        do {
            let before = resident()
            let start = nanoseconds()
            for batch in batches { try await store.write([batch]) }
            let inserting = nanoseconds() - start
            let grown = resident() - before
            guard try await store.statistics().sampleCount == count else { fail("samples were lost") }
            let bytes = store.byteCount
            batches = []
            let alone = try await ask(store, source)
            let reading = Atomic(true)
            let end = source.newest
            let writing = Task.detached { [source] in
                var source = source
                let start = ContinuousClock.now
                var written = 0
                while reading.load(ordering: .relaxed) {
                    let batch = source.next()
                    try await store.write([batch])
                    written += batch.count
                    try await Task.sleep(until: start + .nanoseconds(written * 1_000_000_000 / rate))
                }
                return Double(written) / ((ContinuousClock.now - start) / .seconds(1))
            }
            let beside = try await ask(store, source)
            reading.store(false, ordering: .relaxed)
            let reached = try await writing.value
            guard source.newest == end else { fail("the queries are not of the same hour") }
            var members: [(String, Double)] = [
                ("samples", Double(count)), ("inserted_per_second", Double(count) / Double(inserting) * 1e9),
                ("bytes_per_sample", Double(bytes) / Double(count)),
                ("resident_per_sample", Double(grown) / Double(count)),
                ("written_per_second", reached),
            ]
            for (name, times) in alone { members += [("\(name)_p50", times.half), ("\(name)_p99", times.most)] }
            for (name, times) in beside {
                members += [("\(name)_writing_p50", times.half), ("\(name)_writing_p99", times.most)]
            }
            print("{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}")
        } catch {
            fail("\(error)")
        }
    }

    /// Each kind of query again and again, of the last hour before the source's newest sample.
    private func ask(_ store: MemoryStore, _ source: Source) async throws -> [(String, (half: Double, most: Double))] {
        let metric = "DCGM_FI_DEV_POWER_USAGE"
        let gpus = source.fleet.gpuCount
        let hour = SampleFilter(
            startTime: Timestamp(nanoseconds: source.newest - 3_600_000_000_000),
            endTime: Timestamp(nanoseconds: source.newest))
        let expected = Double(3600 / interval)
        var results: [(String, (half: Double, most: Double))] = []
        func measure(_ name: String, _ query: (Int) async throws -> Bool) async throws {
            var times: [Double] = []
            for i in 0..<repeats {
                let start = nanoseconds()
                let isRight = try await query(i)
                times.append(Double(nanoseconds() - start) / 1e6)
                guard isRight else { fail("\(name): not what was written") }
            }
            times.sort()
            results.append((name, (times[repeats / 2], times[repeats * 99 / 100])))
        }
        try await measure("latest") { _ in try await store.latest(SampleFilter(metricNames: [metric])).count == gpus }
        try await measure("latest_all") { _ in try await store.latest(SampleFilter()).count == source.series.count }
        try await measure("series_hour") { i in
            var filter = hour
            filter.metricNames = [metric]
            filter.uuids = [source.series[i % gpus * Fleet.metrics.count].gpu.uuid]
            return abs(try await Double(store.telemetry(TelemetryQuery(filter)).items.count) - expected) < 2
        }
        for function in [AggregateQuery.Function.avg, .min, .max, .p95] {
            try await measure(function.rawValue) { _ in
                let query = AggregateQuery(metricName: metric, filter: hour, function: function, window: .seconds(60))
                let answer = try await store.aggregate(query)
                return answer.count == gpus && answer.allSatisfy { 60...62 ~= $0.points.count }
            }
        }
        return results
    }

    /// Bytes of memory that the process has.
    private func resident() -> Int {
        var text = [UInt8](repeating: 0, count: 256)
        let descriptor = open("/proc/self/statm", O_RDONLY)
        let count = read(descriptor, &text, text.count)
        close(descriptor)
        guard count > 0, let pages = Int(String(decoding: text[..<count], as: UTF8.self).split(separator: " ")[1])
        else {
            fail("/proc/self/statm cannot be read")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
