import TelemetryIO

/// Finds segments and messages by offset and by time.
extension MessageLog {
    /// The segment that contains the offset, or will contain it.
    package func segment(holding offset: Int64) -> Segment? {
        guard offset >= oldestOffset, offset <= nextOffset else { return nil }
        var low = 0
        var high = segments.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if segments[middle].baseOffset <= offset {
                low = middle
            } else {
                high = middle
            }
        }
        return segments[low]
    }

    /// Whether retention has removed the segment.
    package func hasDropped(_ segment: Segment) -> Bool { segment.baseOffset < oldestOffset }

    /// The first offset whose message is not older than the time (microseconds since 1970); ``nextOffset`` if there is
    /// none.
    ///
    /// Messages whose timestamp is in the future, because the clock was ahead, are ignored: their times are after
    /// `now`, and a later message has a time that is not.
    package func offset(notBefore timestamp: Int64, now: Int64 = .max) throws(SystemError) -> Int64 {
        let tail = try futureTail(now)
        for segment in segments where segment.firstTimestamp != nil && segment.newestTimestamp >= timestamp {
            if let offset = try segment.offset(notBefore: timestamp, now: now, tail: tail) { return offset }
        }
        return nextOffset
    }

    /// The first offset from which all times are after `now`.
    private func futureTail(_ now: Int64) throws(SystemError) -> Int64 {
        for segment in segments.reversed() {
            if let end = try segment.end(ofTimesUpTo: now) { return end }
        }
        return oldestOffset
    }
}
