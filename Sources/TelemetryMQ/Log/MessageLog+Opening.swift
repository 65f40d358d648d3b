/// What a log is opened with, and what opening it found.
extension MessageLog {
    package struct Configuration: Sendable {
        /// A segment is sealed when the next write would make it larger.
        package var segmentBytes: Int64 = 256 << 20
        /// Whole segments are dropped, oldest first, while the rest holds at least so many bytes.
        package var retentionBytes: Int64?
        /// Segments whose newest message is older are dropped.
        package var retentionAge: Duration?

        package init() {}
    }

    /// What opening the log found.
    package struct Recovery: Sendable {
        package var segmentCount = 0
        package var messageCount: Int64 = 0
        package var byteCount: Int64 = 0
        /// Said of a tail that was cut: file, position, bytes, reason.
        package var cutTail: String?
        /// Said of each segment behind the cut, which was put aside under another name.
        package var setAside: [String] = []
        /// Segments that retention dropped while opening.
        package var droppedCount = 0
        /// The first offset of the oldest segment that retention kept.
        var oldestKept: Int64 = 0
        /// What else an operator should know, one sentence each.
        package var notices: [String] = []
    }

    /// How far the opening of a log is.
    package struct Opening: Sendable {
        package var segmentCount = 0
        package var indexesRead = 0
        package var segmentsOpened = 0
        /// Of segments without an index.
        package var messagesRead: Int64 = 0

        package init() {}
    }
}
