import BenchmarkSupport
import TelemetryKit

/// What each stage of the pipeline that is not the queue's costs a sample, one after the other on one thread: nanoseconds.
struct StageBenchmark {
    let path: String

    func run() async {
        do {
            // The first pass brings the file into the page cache.
            _ = try read()
            let reading = try read()
            let (collecting, batches) = try await collect()
            let samples = batches.reduce(0) { $0 + $1.count }
            func each(_ work: () throws -> Void) rethrows -> Double {
                let start = nanoseconds()
                try work()
                return Double(nanoseconds() - start) / Double(samples)
            }
            var encoder = BatchCodec()
            var decoder = BatchCodec()
            var texts: [[UInt8]] = []
            var decoded: [MetricBatch] = []
            var digest = SampleDigest()
            let encoding = try each { for batch in batches { texts.append(try encoder.encode(batch)) } }
            let digesting = each { for batch in batches { digest.add(SampleDigest(batch)) } }
            let decoding = try each { for text in texts { decoded.append(try decoder.decode(text)) } }
            let store = MemoryStore()
            let start = nanoseconds()
            for batch in decoded { try await store.write([batch]) }
            let inserting = Double(nanoseconds() - start) / Double(samples)
            guard try await store.statistics().sampleCount == samples, digest.count == samples else {
                fail("samples were lost")
            }
            report([
                "samples": Double(samples), "read": reading, "collect": max(0, collecting - reading),
                "digest": digesting, "encode": encoding,
                "decode": decoding, "insert": inserting,
            ])
        } catch {
            fail("\(error)")
        }
    }

    private func read() throws -> Double {
        let start = nanoseconds()
        var reader = try DCGMReader(path: path)
        var rows = DCGMRows()
        while true {
            rows.removeAll()
            guard try reader.read(into: &rows, limit: 4_096) > 0 else { break }
        }
        return Double(nanoseconds() - start) / Double(reader.rowCount)
    }

    /// Reading, stamping and batching.
    private func collect() async throws -> (Double, [MetricBatch]) {
        var configuration = CSVSource.Configuration(path: path, source: "bench-1")
        configuration.timestamps = .now
        let start = nanoseconds()
        var source = try CSVSource(configuration)
        var batches: [MetricBatch] = []
        while let batch = try await source.next() { batches.append(batch) }
        return (Double(nanoseconds() - start) / Double(source.progress.rowsSelected), batches)
    }
}
