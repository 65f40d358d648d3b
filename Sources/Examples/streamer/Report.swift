import ExampleSupport
import TelemetryModels
import TelemetryPipeline
import TelemetryReaders

/// Tells a person how far a streamer is.
struct Report: Sendable {
    let streamer: Streamer
    let log: Logger
    /// Whether progress is that of a pass, which others follow.
    let loops: Bool
    private let start = ContinuousClock.now

    /// Until the task is cancelled: a line that stands still on a terminal, a log line now and then elsewhere.
    func run(every interval: Duration) async {
        let console = Console.standardError
        let period = console.isTerminal ? .milliseconds(500) : interval
        guard period > .zero else { return }
        var meter = ProgressMeter()
        meter.update(done: 0, at: .zero)
        while (try? await Task.sleep(for: period)) != nil {
            let counts = streamer.counts
            let source = counts.source
            meter.update(
                done: counts.published, bytes: source.bytesRead, of: source.totalBytes, pass: source.passes,
                at: ContinuousClock.now - start)
            if console.isTerminal {
                console.show(progress: line(counts, meter))
            } else {
                log.info("progress", fields(counts, meter))
            }
        }
    }

    private func line(_ counts: Streamer.Counts, _ meter: ProgressMeter) -> String {
        let source = counts.source
        var text = "\(counts.published) rows published, \(Int(saturating: meter.perSecond ?? 0)) rows/s"
        if let percent = meter.percent {
            text += ", \(percent) %" + (loops ? " of pass \(source.passes + 1)" : "")
            if let left = meter.timeLeft { text += ", \(left.shortText) left" }
        }
        if let scraping = source.scraping {
            text += ", \(scraping.liveSeries) series"
            if scraping.staleSeries > 0 { text += " (\(scraping.staleSeries) stale)" }
            if scraping.failures > 0 {
                text += ", \(scraping.failures) of \(scraping.scrapes + scraping.failures) scrapes failed"
            }
        }
        if streamer.waiting > 0 { text += ", \(streamer.waiting) batches wait" }
        if source.rejected.count > 0 { text += ", \(source.rejected.count) rejected" }
        if !source.rejectedFiles.isEmpty { text += ", \(source.rejectedFiles.count) files rejected" }
        if source.quality.noValueCount > 0 { text += ", \(source.quality.noValueCount) without value" }
        return text
    }

    private func fields(_ counts: Streamer.Counts, _ meter: ProgressMeter) -> LogFields {
        let source = counts.source
        var fields: LogFields = [
            "published": counts.published, "rows_per_second": Int(saturating: meter.perSecond ?? 0),
        ]
        if let percent = meter.percent { fields.append("percent", percent) }
        if let left = meter.timeLeft { fields.append("seconds_left", Int(saturating: (left / .seconds(1)).rounded())) }
        if let scraping = source.scraping {
            fields.append("scrapes", scraping.scrapes)
            fields.append("scrapes_failed", scraping.failures)
            fields.append("live_series", scraping.liveSeries)
            fields.append("stale_series", scraping.staleSeries)
        }
        fields.append("rejected_rows", source.rejected.count)
        fields.append("no_value_rows", source.quality.noValueCount)
        fields.append("waiting", streamer.waiting)
        return fields
    }

    /// The last line: what came of it all. Returns whether everything that was named was read and delivered.
    func finish() -> Bool {
        Console.standardError.endProgress()
        let counts = streamer.counts
        let source = counts.source
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var fields: LogFields = [
            "rows": source.rowsSelected, "published": counts.published, "messages": counts.messages,
            "digest": counts.digest, "undelivered": counts.undelivered, "rejected_rows": source.rejected.count,
        ]
        for (reason, count) in source.rejected.byName { fields.append("rejected_" + reason, count) }
        fields.append("no_value_rows", source.quality.noValueCount)
        for (reason, count) in source.quality.noValuesByName { fields.append("no_value_" + reason, count) }
        fields.append("out_of_range", source.quality.outOfRangeCount)
        if let scraping = source.scraping {
            fields.append("without_gpu", scraping.samplesWithoutGPU)
            fields.append("scrapes", scraping.scrapes)
            fields.append("scrapes_failed", scraping.failures)
            fields.append("scrapes_skipped", scraping.skipped)
        } else {
            fields.append("rejected_files", source.rejectedFiles.count)
            fields.append("passes", source.passes)
        }
        fields.append("seconds", (seconds * 1000).rounded() / 1000)
        fields.append("rows_per_second", Int((Double(counts.published) / max(seconds, 0.001)).rounded()))
        let isWhole = counts.undelivered == 0 && source.rejectedFiles.isEmpty
        log.log(isWhole ? .info : .error, "finished", fields)
        return isWhole
    }
}

extension RejectedRows {
    /// In the form of a log's field and of a metric's label: `wrong_number_of_fields`; in their order.
    var byName: [(reason: String, count: Int)] {
        countsByReason.map {
            (reason: String($0.key.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" }), count: $0.value)
        }
        .sorted { $0.reason < $1.reason }
    }
}

extension ValueQuality {
    var noValuesByName: [(reason: String, count: Int)] {
        noValues.map { (reason: $0.key.rawValue, count: $0.value) }.sorted { $0.reason < $1.reason }
    }
}
