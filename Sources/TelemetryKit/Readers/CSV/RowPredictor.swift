import Glibc

/// Recognises a row by comparing it with the row of the series that followed last time, instead of parsing it.
///
/// An export lists the same series in the same order tick after tick, and rows of one series differ in time and value
/// only. A row whose other bytes are all equal to those of a parsed row, and whose time and value contain no quote,
/// comma or line end, would therefore be parsed into the same fields. If anything differs,
/// ``match(_:available:timeLength:)`` returns nothing and the reader parses the row: this is a short cut and never
/// another interpretation.
struct RowPredictor {
    /// A row without its time and value: the bytes before, between and after them.
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
    /// For each series, the series whose row came next.
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
                series: series, time: timeIsFirst ? first : second, value: timeIsFirst ? second : first,
                length: at + shape.behind)
        }
    }

    /// Bytes that can be part of a decimal number, up to the longest value that is worth predicting.
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

    /// Records that a match was correct.
    @inline(__always)
    mutating func accept(_ series: UInt32) { last = series }

    /// Records a parsed row of this series. `time` and `value` are the ranges of their bytes in the row.
    mutating func learn(_ series: UInt32, row: UnsafeRawBufferPointer, time: Range<Int>, value: Range<Int>) {
        while shapes.count <= Int(series) {
            shapes.append(Shape())
            successors.append(.max)
        }
        if last != .max { successors[Int(last)] = series }
        last = series
        // One shape per series: rows with varying quoting are parsed in full, and the memory stays constant.
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
