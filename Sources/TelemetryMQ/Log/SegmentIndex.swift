/// Where some of a segment's records start, by offset and by time. Sparse: a search ends with a short scan.
struct SegmentIndex: Sendable {
    struct Mark: Sendable, Equatable {
        var offset: Int64
        /// Bytes from the start of the segment.
        var position: Int64
        /// Of the record, in microseconds.
        var timestamp: Int64
    }

    private(set) var marks: [Mark] = []

    init(marks: [Mark] = []) { self.marks = marks }

    /// Adds marks of records that lie behind all that are known.
    mutating func append(_ new: [Mark], shiftedBy position: Int64) {
        for mark in new {
            let at = mark.position + position
            guard marks.isEmpty || at - marks[marks.count - 1].position >= AppendBatch.markInterval else { continue }
            marks.append(Mark(offset: mark.offset, position: at, timestamp: mark.timestamp))
        }
    }

    /// The last mark at or before an offset.
    func mark(atOrBefore offset: Int64) -> Mark? {
        last { $0.offset <= offset }
    }

    /// The last mark before which every record is older than the time.
    func mark(before timestamp: Int64) -> Mark? {
        last { $0.timestamp < timestamp }
    }

    /// The farthest start of a record within `first...limit`, else the first one behind `limit`.
    func recordStart(after first: Int64, notBeyond limit: Int64) -> Mark? {
        let next = partition { $0.position <= limit }
        if next > 0, marks[next - 1].position > first { return marks[next - 1] }
        return next < marks.count ? marks[next] : nil
    }

    private func last(where belongs: (Mark) -> Bool) -> Mark? {
        let next = partition(belongs)
        return next > 0 ? marks[next - 1] : nil
    }

    /// The number of marks at the front that fulfil the condition.
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
