import ExampleSupport
import TelemetryDatabases
import TelemetryPipeline
import TelemetryStores

/// What a collector logs.
struct CollectorLog: Sendable {
    private let log: Logger
    private let database: PeerWatch

    init(_ log: Logger) {
        self.log = log
        database = PeerWatch("database", log: log, isConnected: true)
    }

    func add(_ event: CollectorEvent) {
        switch event {
        case .storeUnavailable(let error, _, let wait):
            let fields: LogFields = ["reason": "\(error)", "retry_after": wait.seconds]
            // The other errors go away with time.
            if error.kind == .unauthorized || error.kind == .rejected { log.error("database refuses", fields) }
            database.lost(fields)
        case .storeRecovered(let attempts): database.found(["after_attempts": attempts])
        case .undecodable(let offset, let error):
            log.error("message passed over", ["offset": offset, "reason": "\(error)"])
        case .refused(let refused):
            log.error(
                "samples refused",
                ["batch": refused.batch.batchID, "samples": refused.batch.count, "reason": refused.reason])
        case .deadLettersFailed(let error, let wait):
            log.error(
                "dead letters not written, nothing is committed",
                ["reason": "\(error)", "retry_after": wait.seconds])
        case .commitFailed(let position, let error):
            log.warning(
                "position not committed",
                ["offset": position.offset, "log": position.log ?? "unknown", "reason": "\(error)"])
        }
    }

    /// Logs progress every `interval`, until the task is cancelled; never if it is zero.
    func reportProgress<Store: TelemetryStore>(
        _ collector: Collector<Store>, _ store: Store, every interval: Duration
    ) async {
        guard interval > .zero else { return }
        var hasReportedExpired = false
        while (try? await Task.sleep(for: interval)) != nil {
            let counters = collector.counters
            log.info(
                "progress",
                [
                    "stored": counters.samplesStored, "waiting_samples": collector.pendingSamples,
                    "last_stored_offset": counters.lastStoredOffset ?? -1, "expired": store.expiredSamples,
                ])
            if !hasReportedExpired, store.expiredSamples > 0 {
                hasReportedExpired = true
                log.warning(
                    "the database does not keep samples that are older than its retention",
                    ["samples": store.expiredSamples, "metric": "collector_samples_expired_total"])
            }
        }
    }

    /// The last line.
    func finished(_ counters: CollectorCounters, expired: Int, deadLettered: Int) {
        log.info(
            "finished",
            [
                "messages": counters.messages, "stored": counters.samplesStored, "digest": counters.digest,
                "expired": expired, "refused": counters.samplesRefused, "dead_lettered": deadLettered,
                "undecodable": counters.undecodableMessages, "last_stored_offset": counters.lastStoredOffset ?? -1,
            ])
    }
}
