/// The positions of some of a segment's records, by offset and by time. Sparse: a search ends with a short scan.
///
/// Between two marks the timestamps of the records never decrease: a record whose timestamp is before that of its
/// predecessor gets a mark of its own, called a turn.
package struct SegmentIndex: Sendable {
    package struct Mark: Sendable, Equatable {
        package var offset: Int64
        /// The position in bytes from the start of the segment.
        package var position: Int64
        /// The timestamp of the record, in microseconds.
        var timestamp: Int64
        /// The record before it has a later timestamp: the clock was set back between the two.
        var isTurn = false
    }

    private(set) var marks: [Mark] = []

    init(marks: [Mark] = []) { self.marks = marks }

    /// Adds marks of records that are after all known ones.
    mutating func append(_ new: [Mark], shiftedBy position: Int64) {
        for mark in new {
            let at = mark.position + position
            guard marks.isEmpty || mark.isTurn || at - marks[marks.count - 1].position >= AppendBatch.markInterval
            else { continue }
            marks.append(Mark(offset: mark.offset, position: at, timestamp: mark.timestamp, isTurn: mark.isTurn))
        }
    }

    /// The last mark at or before an offset.
    func mark(atOrBefore offset: Int64) -> Mark? {
        let next = partition { $0.offset <= offset }
        return next > 0 ? marks[next - 1] : nil
    }

    /// Whether a record from that mark up to the next, or to the end, can have a timestamp that is not before this one.
    /// `newest`: the latest timestamp in the segment.
    func mayReach(_ timestamp: Int64, from place: Int, newest: Int64) -> Bool {
        guard place + 1 < marks.count, !marks[place + 1].isTurn else { return newest >= timestamp }
        return marks[place + 1].timestamp >= timestamp
    }

    /// The farthest start of a record within `first...limit`, otherwise the first one after `limit`.
    func recordStart(after first: Int64, notBeyond limit: Int64) -> Mark? {
        let next = partition { $0.position <= limit }
        if next > 0, marks[next - 1].position > first { return marks[next - 1] }
        return next < marks.count ? marks[next] : nil
    }

    /// The number of leading marks that fulfil the condition.
    private func partition(_ belongs: (Mark) -> Bool) -> Int {
        var low = 0
        var high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if belongs(marks[middle]) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
