import BenchmarkSupport
import Glibc
import TelemetryKit

/// Reads one file in one of several ways, and prints bytes, rows, the sum of the values (so that no way can cut corners), seconds and the
/// largest resident size in KiB.
struct CSVBenchmark {
    let path: String

    private func finish(rows: Int, sum: Double, since start: Int) {
        let seconds = Double(nanoseconds() - start) / 1e9
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        var status = stat()
        guard stat(path, &status) == 0 else { fail("\(path): \(String(cString: strerror(errno)))") }
        report([
            "bytes": Double(status.st_size), "rows": Double(rows), "sum": sum, "seconds": seconds,
            "resident_kib": Double(usage.ru_maxrss),
        ])
    }

    /// The least that a reader of quoted fields does: from quote to quote by memchr, over bytes that already are in memory.
    func walk() {
        let descriptor = open(path, O_RDONLY)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            fail("\(path): \(String(cString: strerror(errno)))")
        }
        let size = Int(status.st_size)
        let base = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        var filled = 0
        while filled < size {
            let count = read(descriptor, base + filled, size - filled)
            guard count > 0 else { fail("\(path): \(String(cString: strerror(errno)))") }
            filled += count
        }
        let quote = UInt8(ascii: "\"")
        let lineFeed = UInt8(ascii: "\n")
        let start = nanoseconds()
        var rows = 0
        var fields = 0
        // The header is not quoted.
        var at = (memchr(base, Int32(lineFeed), size)!.assumingMemoryBound(to: UInt8.self) - base) + 1
        while at < size {
            if base[at] == quote {
                at += 1
                while true {
                    guard let found = memchr(base + at, Int32(quote), size - at) else { fail("a quote is not closed") }
                    at = found.assumingMemoryBound(to: UInt8.self) - base + 1
                    guard at < size, base[at] == quote else { break }
                    at += 1
                }
            }
            fields += 1
            if at < size, base[at] == lineFeed { rows += 1 }
            at += 1
        }
        finish(rows: rows, sum: Double(fields), since: start)
    }

    func typed(predicts: Bool) {
        let start = nanoseconds()
        must("read") {
            var reader = try DCGMReader(try CSVReader(path: path), badRows: .stop, predicts: predicts)
            var rows = DCGMRows()
            var count = 0
            var sum = 0.0
            while true {
                rows.removeAll()
                guard try reader.read(into: &rows, limit: 4_096) > 0 else { break }
                count += rows.count
                for value in rows.values { sum += value }
            }
            finish(rows: count, sum: sum, since: start)
        }
    }

    func concurrent(workers: Int) async {
        let start = nanoseconds()
        do {
            var count = 0
            var sum = 0.0
            _ = try await DCGMReader.readConcurrently(path: path, workers: workers) { rows, _ in
                count += rows.count
                for value in rows.values { sum += value }
            }
            finish(rows: count, sum: sum, since: start)
        } catch {
            fail("read: \(error)")
        }
    }

    /// Every field's bytes are found; the value's are made a number.
    func generic() {
        let start = nanoseconds()
        must("read") {
            var reader = try CSVReader(path: path)
            guard let column = reader.columns.firstIndex(of: "value") else { fail("\(path) has no column value") }
            var count = 0
            var sum = 0.0
            while try reader.next() {
                count += 1
                sum += reader.withBytes(column) { Double(String(decoding: $0, as: UTF8.self)) ?? .nan }
            }
            finish(rows: count, sum: sum, since: start)
        }
    }
}
