import TelemetryBase

/// A column of integers as runs of equal differences: `[difference, count, difference, count, …]`.
///
/// Every entry is the previous one plus the run's difference; sums are modulo 2^64.
struct RunEncoder {
    private var previous: Int64
    private var difference: Int64 = 0
    private var count = 0
    private var isFirst = true

    init(start: Int64) { previous = start }

    @inline(__always)
    mutating func append(_ value: Int64, to out: inout ByteWriter) {
        let next = value &- previous
        previous = value
        if next == difference, count > 0 {
            count &+= 1
            return
        }
        flush(to: &out)
        difference = next
        count = 1
    }

    mutating func finish(to out: inout ByteWriter) { flush(to: &out) }

    private mutating func flush(to out: inout ByteWriter) {
        guard count > 0 else { return }
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        out.appendDecimal(difference)
        out.append(UInt8(ascii: ","))
        out.appendDecimal(count)
    }
}

/// Reads a column of runs; the caller specifies the length of the column, so that a short text cannot cause a large
/// one.
struct RunDecoder {
    private var runs: [(difference: Int64, count: Int)] = []
    let total: Int
    private let name: StaticString

    init(_ members: JSONMembers, _ key: StaticString, longest: Int) throws(BatchError) {
        name = key
        let range = try members.required(key)
        var runs: [(difference: Int64, count: Int)] = []
        var total = 0
        try members.read(range) { reader throws(JSONError) in
            try reader.beginArray()
            while try reader.nextElement() {
                let difference = try reader.readInt64()
                guard try reader.nextElement() else { throw reader.failure("a run of \(key) has no count") }
                let count = try reader.readInt64()
                guard count > 0 else { throw reader.failure("a run of \(key) counts \(count)") }
                guard count <= longest - total else { throw reader.failure("\(key) has more than \(longest) entries") }
                total += Int(count)
                runs.append((difference, Int(count)))
            }
        }
        self.runs = runs
        self.total = total
    }

    func requireTotal(_ expected: Int) throws(BatchError) {
        guard total == expected else { throw BatchError(reason: "\(name) has \(total) entries instead of \(expected)") }
    }

    /// The entries as indices into a table.
    func indices(start: Int64 = -1, table: Int) throws(BatchError) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(total)
        var value = start
        for run in runs {
            // The ends of a run bound the entries between them, as long as their distance does not wrap around.
            let first = value &+ run.difference
            let (span, overflow) = run.difference.multipliedReportingOverflow(by: Int64(run.count))
            let (last, wrapped) = value.addingReportingOverflow(span)
            guard !overflow, !wrapped, first >= 0, first < table, last >= 0, last < table else {
                let wrong = first >= 0 && first < table ? last : first
                throw BatchError(reason: "\(name) has the index \(wrong), which is not in the table of \(table)")
            }
            for _ in 0..<run.count {
                value &+= run.difference
                result.append(UInt32(truncatingIfNeeded: value))
            }
        }
        return result
    }

    func values(start: Int64) -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(total)
        var value = start
        for run in runs {
            for _ in 0..<run.count {
                value &+= run.difference
                result.append(value)
            }
        }
        return result
    }
}
