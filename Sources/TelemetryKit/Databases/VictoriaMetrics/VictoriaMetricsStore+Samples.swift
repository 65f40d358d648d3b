import TelemetryModels
import TelemetryStores

/// The result for a group of series, as far as it was requested.
struct VictoriaTally {
    /// The labels it was grouped by.
    var labels: VictoriaLabelSet
    var count = 0
    /// Milliseconds since 1970.
    var first = Int64.max
    var last = Int64.min

    func label(_ name: String) -> String { labels[name] ?? "" }
    var metricName: String { label("__name__") }
    var gpu: GPUIdentity { VictoriaLabels.gpu(label) }
}

extension VictoriaMetricsStore {
    // MARK: Counts and ends

    /// By metric name and labels.
    func tallies(_ filter: SampleFilter, by labels: [String]) async throws -> [VictoriaTally] {
        guard let range = VictoriaRange(filter.startTime, filter.endTime) else { return [] }
        let (tallies, hasDuplicates) = try await quickTallies(filter, range, by: ["__name__"] + labels)
        return hasDuplicates ? try await exactTallies(filter, tallies, by: ["__name__"] + labels) : tallies
    }

    /// As counted by the database: samples that were written twice may count twice.
    private func quickTallies(
        _ filter: SampleFilter, _ range: VictoriaRange, by labels: [String]
    ) async throws -> (tallies: [VictoriaTally], hasDuplicates: Bool) {
        let samples = "meant" + range.window
        let selector = MetricsQL.selector(filter, database: database)
        let groups = "by (" + labels.joined(separator: ",") + ")"
        let parts = [
            ("sum", "count_over_time"), ("min", "tfirst_over_time"), ("max", "tlast_over_time"),
            ("min", "rollup_scrape_interval"),
        ].map {
            "label_set(\($0)(\($1)(\(samples)) keep_metric_names) \(groups), \"part\", \"\($1)\")"
        }
        var tallies: [VictoriaLabelSet: VictoriaTally] = [:]
        var hasDuplicates = false
        for element in try await reading.query(
            MetricsQL.with(selector, "union(\(parts.joined(separator: ", ")))"), at: range.end)
        {
            var labels = element.labels
            guard let part = labels.removeValue(forKey: "part"), let value = element.points.first?.value else {
                continue
            }
            if part == "rollup_scrape_interval" {
                hasDuplicates = hasDuplicates || value == 0
                continue
            }
            var tally = tallies[labels] ?? VictoriaTally(labels: labels)
            switch part {
            case "count_over_time": tally.count = try Int(count: value)
            case "tfirst_over_time": tally.first = try time(value)
            default: tally.last = try time(value)
            }
            tallies[labels] = tally
        }
        let found = tallies.values.filter { $0.count > 0 }
        guard found.allSatisfy({ $0.first <= $0.last }) else {
            throw StoreError(.invalidAnswer, "a count of samples has no times")
        }
        return (found, hasDuplicates)
    }

    /// Counted here, from raw samples.
    private func exactTallies(_ filter: SampleFilter, _ quick: [VictoriaTally], by labels: [String]) async throws
        -> [VictoriaTally]
    {
        guard let extent = VictoriaExtent(quick) else { return [] }
        var tallies: [VictoriaLabelSet: VictoriaTally] = [:]
        try await forEachSpan(filter, extent, from: extent.first, samples: samplesPerRead) { lines in
            for line in lines {
                let gpu = line.series.gpu
                let all = [("__name__", line.series.metricName)] + GPUMember.all.map { ($0.name, $0.text(of: gpu)) }
                let group = VictoriaLabelSet(all.filter { labels.contains($0.0) })
                var tally = tallies[group] ?? VictoriaTally(labels: group)
                for (i, time) in line.times.enumerated() where i == 0 || time != line.times[i - 1] { tally.count += 1 }
                tally.first = min(tally.first, line.times.first ?? .max)
                tally.last = max(tally.last, line.times.last ?? .min)
                tallies[group] = tally
            }
            return true
        }
        return tallies.values.filter { $0.count > 0 }
    }

    // MARK: Raw samples

    /// Reads one time span after another, about `samples` each, until the body returns false. Every line is complete
    /// within its span.
    private func forEachSpan(
        _ filter: SampleFilter, _ extent: VictoriaExtent, from start: Int64, samples: Int,
        _ body: ([VictoriaExport.Line]) throws -> Bool
    ) async throws {
        let selector = MetricsQL.selector(filter, database: database)
        var from = max(start, extent.first)
        var length = extent.length(of: samples)
        while from <= extent.last {
            let through = min(extent.last, from + length - 1)
            let lines = try await reading.export(selector, from: from, through: through)
            guard try body(lines) else { return }
            from = through + 1
            // Samples need not be evenly distributed.
            let count = lines.reduce(0) { $0 + $1.times.count }
            if count > 2 * samples { length = max(1, length / 2) }
            if count < samples / 2 { length = min(2 * length, VictoriaRange.latest) }
        }
    }

    private func time(_ seconds: Double) throws -> Int64 {
        guard let time = VictoriaVector.milliseconds(seconds) else {
            throw StoreError(.invalidAnswer, "\(seconds) is not a valid sample time")
        }
        return time
    }

    /// Sorted. Of samples with the same metric, GPU and time, the last one counts.
    private static func samples(_ lines: [VictoriaExport.Line]) -> [GPUMetric] {
        var samples: [GPUMetric] = []
        for line in lines {
            for (time, value) in zip(line.times, line.values) {
                let sample = GPUMetric(timestamp: Timestamp(milliseconds: time), value: value, series: line.series)
                if let last = samples.last, last.series === line.series, last.timestamp == sample.timestamp {
                    samples.removeLast()
                }
                samples.append(sample)
            }
        }
        samples.sort(by: StoreOrder.metrics)
        var unique: [GPUMetric] = []
        unique.reserveCapacity(samples.count)
        for sample in samples {
            if let last = unique.last, SampleCursor(last) == SampleCursor(sample) { unique.removeLast() }
            unique.append(sample)
        }
        return unique
    }

    public func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        let filter = query.filter
        guard let range = VictoriaRange(filter.startTime, filter.endTime) else { return Page(items: [], total: 0) }
        let (tallies, hasDuplicates) = try await quickTallies(filter, range, by: ["db"])
        guard let extent = VictoriaExtent(tallies) else { return Page(items: [], total: 0) }
        let total =
            !query.countsTotal
            ? nil
            : hasDuplicates
                ? try await exactTallies(filter, tallies, by: []).reduce(0) { $0.addingClamped($1.count) }
                : extent.count

        var skipped = max(0, query.offset)
        let limit = max(0, query.limit ?? .max)
        guard limit > 0, let after = VictoriaRange(query.after?.timestamp, nil) else {
            return Page(items: [], total: total ?? 0)
        }
        var items: [GPUMetric] = []
        let wanted = limit.addingReportingOverflow(skipped)
        let perSpan = wanted.overflow ? samplesPerRead : min(samplesPerRead, max(1000, wanted.partialValue))
        try await forEachSpan(filter, extent, from: after.start, samples: perSpan) { lines in
            var found = Self.samples(lines)[...]
            if let cursor = query.after { found = found.drop { SampleCursor($0) <= cursor } }
            let dropped = min(skipped, found.count)
            skipped -= dropped
            items += found.dropFirst(dropped).prefix(limit - items.count)
            return items.count < limit
        }
        return Page(items: items, total: total ?? items.count)
    }

    public func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        guard let range = VictoriaRange(filter.startTime, filter.endTime) else { return [] }
        let samples = MetricsQL.selector(filter, database: database) + range.window
        let expression = "aggr_over_time((\"tlast_over_time\", \"last_over_time\"), \(samples)) keep_metric_names"
        var times: [VictoriaLabelSet: Int64] = [:]
        var values: [VictoriaLabelSet: Double] = [:]
        for element in try await reading.query(expression, at: range.end) {
            var labels = element.labels
            guard let rollup = labels.removeValue(forKey: "rollup"), let value = element.points.first?.value else {
                continue
            }
            if rollup == "tlast_over_time" { times[labels] = try time(value) } else { values[labels] = value }
        }
        var newest: [StoreOrder.SeriesKey: (time: Int64, labels: VictoriaLabelSet)] = [:]
        for (labels, time) in times {
            let key = StoreOrder.SeriesKey(metricName: labels["__name__"] ?? "", uuid: labels["uuid"] ?? "")
            if let known = newest[key], known.time >= time { continue }
            newest[key] = (time, labels)
        }
        return try newest.sorted { $0.key < $1.key }.compactMap { _, end in
            guard let value = values[end.labels] else { return nil }
            return GPUMetric(
                timestamp: Timestamp(milliseconds: end.time), value: value,
                series: try VictoriaLabels.series(end.labels))
        }
    }

    // MARK: Aggregates

    public func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        var aggregator = Aggregator(query)
        guard let range = VictoriaRange(query.filter.startTime, query.filter.endTime) else { return [] }
        let (tallies, hasDuplicates) = try await quickTallies(query.samples, range, by: ["db"])
        guard let extent = VictoriaExtent(tallies) else { return [] }
        // Duplicates change neither the minimum nor the maximum.
        if !hasDuplicates || query.function == .min || query.function == .max,
            let windows = VictoriaWindows(query, range, extent)
        {
            return try await windows.ask(reading, MetricsQL.selector(query.samples, database: database))
        }
        try await forEachSpan(query.samples, extent, from: extent.first, samples: samplesPerRead) { lines in
            for sample in Self.samples(lines) {
                aggregator.add(sample.gpu, time: sample.timestamp.nanoseconds, value: sample.value)
            }
            return true
        }
        return aggregator.result()
    }
}

/// The number of samples, and their times.
struct VictoriaExtent {
    var count: Int
    var first: Int64
    var last: Int64

    /// `nil` if there are none.
    init?(_ tallies: [VictoriaTally]) {
        guard !tallies.isEmpty else { return nil }
        count = tallies.reduce(0) { $0.addingClamped($1.count) }
        first = tallies.map(\.first).min()!
        last = tallies.map(\.last).max()!
    }

    /// The time that the number of samples takes if they are evenly distributed; at least a millisecond.
    func length(of samples: Int) -> Int64 {
        let span = Double(last - first + 1)
        return Int64(max(1, min(span, span * Double(samples) / Double(max(1, count)))))
    }
}
