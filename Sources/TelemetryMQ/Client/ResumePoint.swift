/// Which message a subscription expects next: a value that survives the connections.
struct ResumePoint: Sendable {
    enum Verdict: Equatable {
        case deliver
        /// Received before.
        case repeated
        /// The server left messages out without saying so.
        case gap(expected: Int64)
    }

    private let start: MQClient.StartPosition
    /// `nil` until the server has said where the subscription begins.
    private(set) var nextOffset: Int64?

    init(start: MQClient.StartPosition) {
        self.start = start
    }

    /// The member of the next subscribe frame that says where it begins.
    var requestedStart: String {
        if let nextOffset { return #""offset":\#(nextOffset)"# }
        switch start {
        case .earliest: return #""offset":-2"#
        case .latest: return #""offset":-1"#
        case .committed: return #""offset":"committed""#
        case .offset(let offset): return #""offset":\#(max(offset, 0))"#
        case .timestamp(let timestamp): return #""timestamp":\#(max(timestamp, 0))"#
        }
    }

    /// The server's answer says where delivery begins.
    mutating func begins(at offset: Int64) { nextOffset = offset }

    mutating func receive(_ offset: Int64) -> Verdict {
        guard let expected = nextOffset else {
            nextOffset = offset + 1
            return .deliver
        }
        if offset < expected { return .repeated }
        if offset > expected { return .gap(expected: expected) }
        nextOffset = offset + 1
        return .deliver
    }
}
