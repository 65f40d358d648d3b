/// The options for opening a log, and the results.
extension MessageLog {
    package struct Configuration: Sendable {
        /// The maximum segment size: a segment is sealed when the next write would make it larger.
        package var segmentBytes: Int64 = 256 << 20
        /// Whole segments are removed, oldest first, while the others contain at least this number of bytes.
        package var retentionBytes: Int64?
        /// Segments whose newest message is older are removed.
        package var retentionAge: Duration?

        package init() {}
    }

    /// The results of opening the log.
    package struct Recovery: Sendable {
        package var segmentCount = 0
        package var messageCount: Int64 = 0
        package var byteCount: Int64 = 0
        /// The report of a tail that was cut: file, position, bytes, reason.
        package var cutTail: String?
        /// The report of each segment after the cut, which was renamed.
        package var setAside: [String] = []
        /// The number of segments that retention removed while opening.
        package var droppedCount = 0
        /// The first offset of the oldest segment that retention kept.
        var oldestKept: Int64 = 0
        /// Further notices for the operator, one sentence each.
        package var notices: [String] = []
    }

    /// The progress of opening the log.
    package struct Opening: Sendable {
        package var segmentCount = 0
        package var indexesRead = 0
        package var segmentsOpened = 0
        /// The progress over segments without an index.
        package var messagesRead: Int64 = 0

        package init() {}
    }
}
