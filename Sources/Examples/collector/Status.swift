import ExampleSupport
import TelemetryMQClient
import TelemetryMQServer
import TelemetryPipeline
import TelemetryStores

/// What a collector answers on its HTTP port.
struct CollectorStatus<Store: TelemetryStore>: Sendable {
    let collector: Collector<Store>
    let store: Store
    let queue: QueueConnection
    let databaseURL: String
    let deadLetters: DeadLetters

    /// The number of messages that the queue holds and the database does not; `nil` before the queue has reported its
    /// newest message, or before anything is stored.
    private var lag: Int64? {
        guard let stored = collector.counters.lastStored else { return nil }
        return queue.unreadMessages(after: LogPosition(offset: stored.offset, log: stored.log))
    }

    var content: ServiceEndpoints.Content {
        var content = ServiceEndpoints.Content()
        content.problem = { deadLetters.problem }
        content.readiness = {
            let count = store.expiredSamples
            let expired = count > 0 ? "; \(count) samples were older than its retention" : ""
            let (isStoreAvailable, writes) = (collector.counters.isStoreAvailable, collector.counters.writes)
            return [
                ServiceEndpoints.Check(
                    name: "queue", isReady: queue.isConnected, detail: queue.detail),
                ServiceEndpoints.Check(
                    name: "database", isReady: isStoreAvailable,
                    detail: databaseURL
                        + (!isStoreAvailable
                            ? " takes no samples: reading waits"
                            : writes == 0 ? ", with nothing written yet" : " takes samples")
                        + expired),
            ]
        }
        content.metrics = { appendMetrics(to: &$0) }
        return content
    }

    /// Prometheus text format.
    private func appendMetrics(to out: inout MetricsText) {
        let counters = collector.counters
        out.appendMetric("collector_messages_total", .counter, "Messages read from the queue.", counters.messages)
        out.appendMetric(
            "collector_undecodable_messages_total", .counter, "Messages that are no batch; they are passed over.",
            counters.undecodableMessages)
        out.appendMetric(
            "collector_samples_read_total", .counter, "Samples in the messages read.", counters.samplesRead)
        out.appendMetric(
            "collector_samples_of_other_shards_total", .counter, "Samples read of GPUs that other collectors store.",
            counters.samplesOfOtherShards)
        out.appendMetric(
            "collector_samples_stored_total", .counter,
            "Samples that the database has taken; what came twice counts twice.",
            counters.samplesStored)
        out.appendMetricFamily(
            "collector_samples_stored_digest", .gauge, "1; the label is the digest of the samples stored.")
        out.appendMetricSample("collector_samples_stored_digest", ["digest": "\(counters.digest)"], 1)
        out.appendMetric(
            "collector_samples_refused_total", .counter, "Samples that the database refused for good.",
            counters.samplesRefused)
        out.appendMetric(
            "collector_samples_dead_lettered_total", .counter, "Of these, samples kept in the dead-letter file.",
            deadLetters.samplesKept)
        out.appendMetric(
            "collector_samples_expired_total", .counter,
            "Of the samples stored, those that the database did not keep, since they are older than its retention.",
            store.expiredSamples)
        out.appendMetric(
            "collector_writes_total", .counter, "Groups of samples that the database has taken.", counters.writes)
        out.appendMetric(
            "collector_write_retries_total", .counter, "Writes that failed and are tried again.", counters.retries)
        out.appendMetric(
            "collector_commit_failures_total", .counter, "Positions that the queue did not take.",
            counters.commitsFailed)
        let losses = queue.losses
        out.appendMetric(
            "collector_log_resets_total", .counter,
            "Times that the queue had another log than the one that was being read.", losses.logResets)
        out.appendMetric(
            "collector_skipped_messages_total", .counter, "Messages that retention dropped before they were read.",
            losses.skippedMessages)
        out.appendMetric(
            "collector_waiting_samples", .gauge, "Samples read that wait to be written.", collector.pendingSamples)
        out.appendMetric(
            "collector_queue_connected", .gauge, "1 while the queue is connected.", queue.isConnected ? 1 : 0)
        out.appendMetric(
            "collector_store_available", .gauge, "0 while writes are repeated.", counters.isStoreAvailable ? 1 : 0)
        if let offset = counters.lastStoredOffset {
            out.appendMetric(
                "collector_last_stored_offset", .gauge, "The last message of which everything is stored.", offset)
        }
        if let lag {
            out.appendMetric("collector_lag_messages", .gauge, "Messages in the queue that are not yet stored.", lag)
        }
    }
}
