import ExampleSupport
import TelemetryMQClient
import TelemetryMQServer
import TelemetryModels
import TelemetryPipeline

/// What a streamer answers on its HTTP port.
extension Streamer {
    func status(_ queue: QueueConnection) -> ServiceEndpoints.Content {
        var content = ServiceEndpoints.Content()
        content.readiness = { [self] in
            var check = ServiceEndpoints.Check(name: "queue", isReady: queue.isConnected, detail: queue.detail)
            if let problem = acceptance.problem() {
                check.isReady = false
                check.detail +=
                    "; " + problem + "; \(waiting) batches wait" + (isBlocked ? ", and the source is not read" : "")
            }
            return [check, sourceReadiness]
        }
        content.metrics = { [self] in appendMetrics(to: &$0, isConnected: queue.isConnected) }
        return content
    }

    private var sourceReadiness: ServiceEndpoints.Check {
        let progress = counts.source
        var check = ServiceEndpoints.Check(
            name: "source", isReady: true, detail: "\(progress.rowsRead) rows of \(source) read")
        if let scraping = progress.scraping, scraping.lastFailure != nil || scraping.lastSuccess == nil {
            check.isReady = false
            check.detail = scraping.lastFailure ?? "\(source) has not answered yet"
        }
        return check
    }

    /// Prometheus text format.
    private func appendMetrics(to out: inout MetricsText, isConnected: Bool) {
        let counts = counts
        let source = counts.source
        out.appendMetric("streamer_rows_read_total", .counter, "Samples read from the source.", source.rowsRead)
        out.appendMetric(
            "streamer_rows_selected_total", .counter, "Samples of hosts that were asked for.", source.rowsSelected)
        out.appendMetric(
            "streamer_rows_published_total", .counter, "Samples that the queue has acknowledged.", counts.published)
        out.appendMetric(
            "streamer_messages_published_total", .counter, "Messages that the queue has acknowledged.", counts.messages)

        out.appendMetricFamily(
            "streamer_rejected_rows_total", .counter, "Rows passed over because of their form, by reason.")
        for (reason, count) in source.rejected.byName {
            out.appendMetricSample("streamer_rejected_rows_total", ["reason": reason], count)
        }
        out.appendMetricFamily(
            "streamer_no_value_rows_total", .counter, "Rows that say that there is no value, by reason.")
        for (reason, count) in source.quality.noValuesByName {
            out.appendMetricSample("streamer_no_value_rows_total", ["reason": reason], count)
        }
        out.appendMetricFamily(
            "streamer_out_of_range_samples_total", .counter,
            "Samples that their metric cannot have; they are published all the same.")
        for (metric, count) in source.quality.outOfRange.sorted(by: { $0.key < $1.key }) {
            out.appendMetricSample("streamer_out_of_range_samples_total", ["metric": metric], count)
        }

        out.appendMetric(
            "streamer_waiting_batches", .gauge, "Batches that are collected and wait for the queue.", waiting)
        out.appendMetric("streamer_queue_connected", .gauge, "1 while the queue is connected.", isConnected ? 1 : 0)
        out.appendMetric(
            "streamer_queue_accepting", .gauge,
            "0 while the queue refuses what is published, or has not answered a publish for 10 seconds.",
            acceptance.problem() == nil ? 1 : 0)
        out.appendMetric(
            "streamer_publishes_refused_total", .counter,
            "Publishes that the queue refused for want of room; they are tried again.",
            acceptance.refusals)
        out.appendMetric(
            "streamer_source_blocked", .gauge,
            "1 while the source is not read, because BUFFER_BATCHES batches wait for the queue.",
            isBlocked ? 1 : 0)
        out.appendMetric(
            "streamer_log_changes_total", .counter,
            "Times that the queue had another log than the one that had acknowledged messages.", counts.logChanges)
        if let scraping = source.scraping {
            appendMetrics(of: scraping, to: &out)
        } else {
            out.appendMetric(
                "streamer_passes_total", .counter, "Times that the end of the input was reached.", source.passes)
            out.appendMetric("streamer_pass_read_bytes", .gauge, "Bytes read of the current pass.", source.bytesRead)
            out.appendMetric(
                "streamer_pass_bytes", .gauge, "Bytes that the current pass reads; 0 for a stream.", source.totalBytes)
            out.appendMetric(
                "streamer_rejected_files", .gauge, "Files that cannot be read.", source.rejectedFiles.count)
        }
    }

    private func appendMetrics(of scraping: ScrapeProgress, to out: inout MetricsText) {
        out.appendMetricFamily(
            "streamer_scrapes_total", .counter, "Scrapes of the exporter, by whether they gave a whole answer.")
        out.appendMetricSample("streamer_scrapes_total", ["result": "ok"], scraping.scrapes)
        out.appendMetricSample("streamer_scrapes_total", ["result": "failed"], scraping.failures)
        out.appendMetric(
            "streamer_scrapes_skipped_total", .counter,
            "Scrapes that were due during another, or while nothing more could be collected.",
            scraping.skipped)
        out.appendMetric(
            "streamer_samples_without_gpu_total", .counter, "Samples that name no GPU; they are not published.",
            scraping.samplesWithoutGPU)
        out.appendMetric("streamer_live_series", .gauge, "Series that the last good scrape had.", scraping.liveSeries)
        out.appendMetric(
            "streamer_stale_series", .gauge, "Series that an earlier scrape had and the last good one had not.",
            scraping.staleSeries)
        out.appendMetric(
            "streamer_live_gpus", .gauge, "GPUs of which the last good scrape had a series.", scraping.liveGPUs)
        out.appendMetric(
            "streamer_stale_gpus", .gauge,
            "GPUs of which an earlier scrape had a series and the last good one had none.",
            scraping.staleGPUs)
        out.appendMetric(
            "streamer_scrape_interval_seconds", .gauge, "SCRAPE_INTERVAL, for rules that count in scrapes.",
            real: scraping.interval / .seconds(1))
        if scraping.lastSuccess != nil {
            out.appendMetric(
                "streamer_last_scrape_duration_seconds", .gauge, "How long the last good scrape took.",
                real: scraping.lastDuration / .seconds(1))
        }
        if let age = scraping.age(isBlocked: isBlocked) {
            out.appendMetric(
                "streamer_last_scrape_age_seconds", .gauge,
                "Time since the last good scrape began, or the first that failed; while the exporter is not asked, up to the last scrape.",
                real: age)
        }
    }
}

extension ScrapeProgress {
    /// Seconds for which the exporter has given nothing. While the queue takes nothing the exporter is not asked: that
    /// is not its fault, and does not count.
    func age(isBlocked: Bool, at now: Timestamp = .now) -> Double? {
        guard let since = lastSuccess ?? firstAttempt, let lastAttempt else { return nil }
        return Double((isBlocked ? lastAttempt : now).nanoseconds - since.nanoseconds) / 1e9
    }
}
