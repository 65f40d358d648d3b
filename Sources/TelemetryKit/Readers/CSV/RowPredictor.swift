import Glibc

/// Recognises a row by comparing it with the row of the series that followed last time, instead of taking it apart.
///
/// An export lists the same series in the same order tick after tick, and rows of one series differ in time and value only. So a row whose
/// other bytes are all equal to those of a row that was taken apart, and whose time and value contain neither quote nor comma nor line
/// end, would be taken apart into the same fields. Where anything differs, ``match(_:available:timeLength:)`` says nothing and the reader goes
/// the plain way: this is a short cut and never another reading.
struct RowPredictor {
    /// A row without its time and its value: what stands before, between and behind them.
    private struct Shape {
        var start = -1
        var before = 0
        var between = 0
        var behind = 0
    }

    struct Match {
        var series: UInt32
        var time: UnsafeRawBufferPointer
        var value: UnsafeRawBufferPointer
        /// With the line end.
        var length: Int
    }

    private let timeIsFirst: Bool
    private var shapes: [Shape] = []
    /// For every series the one whose row came next.
    private var successors: [UInt32] = []
    private var arena: [UInt8] = []
    private var last = UInt32.max

    private static let longestValue = 32

    init(columns: DCGMColumns) {
        timeIsFirst = columns.timestamp < columns.value
    }

    @inline(__always)
    func match(_ row: UnsafeRawPointer, available: Int, timeLength: Int) -> Match? {
        guard last != .max else { return nil }
        let series = successors[Int(last)]
        guard series != .max else { return nil }
        let shape = shapes[Int(series)]
        guard shape.start >= 0,
            available >= shape.before + shape.between + shape.behind + timeLength + RowPredictor.longestValue
        else { return nil }
        return arena.withUnsafeBytes { arena in
            let known = arena.baseAddress! + shape.start
            guard memcmp(row, known, shape.before) == 0 else { return nil }
            var at = shape.before
            let first = UnsafeRawBufferPointer(
                start: row + at, count: timeIsFirst ? timeLength : RowPredictor.numberLength(row + at))
            at += first.count
            guard memcmp(row + at, known + shape.before, shape.between) == 0 else { return nil }
            at += shape.between
            let second = UnsafeRawBufferPointer(
                start: row + at, count: timeIsFirst ? RowPredictor.numberLength(row + at) : timeLength)
            at += second.count
            guard memcmp(row + at, known + shape.before + shape.between, shape.behind) == 0 else { return nil }
            return Match(
                series: series, time: timeIsFirst ? first : second, value: timeIsFirst ? second : first, length: at + shape.behind)
        }
    }

    /// Bytes that can be part of a decimal number, up to the longest value that is worth it.
    @inline(__always)
    private static func numberLength(_ text: UnsafeRawPointer) -> Int {
        var count = 0
        while count < longestValue {
            let byte = text.load(fromByteOffset: count, as: UInt8.self)
            guard
                byte &- 0x30 <= 9 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                    || byte | 0x20 == UInt8(ascii: "e")
            else { return count }
            count += 1
        }
        return count
    }

    /// A match was right.
    @inline(__always)
    mutating func accept(_ series: UInt32) { last = series }

    /// A row was taken apart, and is of this series. `time` and `value` are where their bytes lie in the row.
    mutating func learn(_ series: UInt32, row: UnsafeRawBufferPointer, time: Range<Int>, value: Range<Int>) {
        while shapes.count <= Int(series) {
            shapes.append(Shape())
            successors.append(.max)
        }
        if last != .max { successors[Int(last)] = series }
        last = series
        // One shape a series: rows that are quoted in several ways go the plain way, and memory stays as it is.
        guard shapes[Int(series)].start < 0, row.last == CSV.lineFeed else { return }
        let (first, second) = timeIsFirst ? (time, value) : (value, time)
        shapes[Int(series)] = Shape(
            start: arena.count, before: first.lowerBound, between: second.lowerBound - first.upperBound,
            behind: row.count - second.upperBound)
        arena.append(contentsOf: row[..<first.lowerBound])
        arena.append(contentsOf: row[first.upperBound..<second.lowerBound])
        arena.append(contentsOf: row[second.upperBound...])
    }
}
