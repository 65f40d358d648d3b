import Synchronization
import TelemetryMQClient

/// Logs and counts what kept a reader of the queue from getting every message of one log: retention that was faster, or
/// another log at the same address.
package final class ReadingWatch: Sendable {
    package struct Counts: Sendable, Hashable {
        /// Messages that retention dropped before they were read.
        package var skippedMessages: Int64 = 0
        /// How often the queue had another log than before.
        package var logResets = 0
        /// What was found the last time.
        package var lastReset: String?
    }

    private let log: Logger
    private let state = Mutex(Counts())

    package init(log: Logger) { self.log = log }

    package var counts: Counts { state.withLock { $0 } }

    /// Takes what concerns reading; what a program does about its connection is its own.
    package func take(_ event: MQClient.Event) {
        switch event {
        case .messagesSkipped(let id, let count, let next): skipped(count, next: next, id: id)
        case .logReset(let id, let found): reset(found, id: id)
        case .subscriptionDelayed(let id, let reason, let wait):
            log.warning("subscription waits", ["subscription": id, "reason": reason, "retry_after": wait.seconds])
        case .connected, .disconnected, .publishingToOtherLog, .subscriptionFailed: break
        }
    }

    /// Retention was faster than the reader.
    private func skipped(_ count: Int64, next: Int64, id: String) {
        state.withLock { $0.skippedMessages += count }
        log.warning("messages lost to retention", ["subscription": id, "count": count, "next_offset": next])
    }

    /// The queue has another log, or its log has lost its tail.
    private func reset(_ found: MQClient.LogReset, id: String) {
        let what = "\(found)"
        state.withLock { counts in
            counts.logResets += 1
            counts.lastReset = what
        }
        log.warning(
            "the queue has another log",
            [
                "subscription": id, "old_log": found.oldLogID ?? "unknown", "new_log": found.newLogID ?? "unknown",
                "next_offset": found.nextOffset, "rewound": found.rewound, "reason": what,
            ])
    }

    /// For the detail of a readiness check: empty, or what has happened, after a semicolon.
    package var detail: String {
        let counts = counts
        var text = ""
        if counts.logResets > 0 {
            let logs = counts.logResets == 1 ? "log" : "logs"
            text += "; read \(counts.logResets) other \(logs) than before, last: \(counts.lastReset ?? "")"
        }
        if counts.skippedMessages > 0 { text += "; \(counts.skippedMessages) messages were lost to retention" }
        return text
    }
}
