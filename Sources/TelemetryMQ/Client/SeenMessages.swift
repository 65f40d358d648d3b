/// The messages that a subscription's consumer has taken, by log, so that an offset alone can be committed to the right
/// log.
struct SeenMessages: Sendable {
    private struct Run {
        var log: LogTag
        var first: Int64
        var last: Int64
    }

    /// One entry per log and epoch, the newest last. An epoch begins with each start of the server.
    private var runs: [Run] = []
    private static let maxRuns = 16

    mutating func note(_ message: Message) {
        if let last = runs.indices.last, runs[last].log == message.log {
            runs[last].last = message.offset
            return
        }
        if runs.count == Self.maxRuns { runs.removeFirst() }
        runs.append(Run(log: message.log, first: message.offset, last: message.offset))
    }

    /// Returns the log of the message with this offset that was taken last; otherwise that of the newest message. `nil`
    /// before the first.
    func log(of offset: Int64) -> LogTag? {
        (runs.last { $0.first <= offset && offset <= $0.last } ?? runs.last)?.log
    }
}
