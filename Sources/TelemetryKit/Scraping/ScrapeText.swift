import TelemetryBase
import TelemetryModels
import TelemetryPipeline
import TelemetryReaders

/// Creates batches from the texts of an exporter's responses, one after another. It performs no I/O.
struct ScrapeText: ~Copyable {
    /// The state of a series of the reader.
    private struct Known {
        /// The index in `table`; `nil` if its samples are not sent.
        var place: UInt32?
        var hasGPU = false
        /// The index of its GPU, from 0.
        var gpu: UInt32 = 0
        var rule = ValueRule(nil)
        /// See ``ScrapeStamps``.
        var distance: Int64 = 0
        /// The last scrape that contained it, and the time of its sample there.
        var seenIn = 0
        var time: Int64 = 0
    }

    private struct Sample {
        var series: UInt32
        var time: Int64
        var value: Double
    }

    private let target: ScrapeTarget
    private let hosts: HostFilter
    private let timestamps: SampleTimestamps
    /// Series are removed only if there are this number more of them than twice those of the last scrape.
    private let spareSeries: Int
    private var reader: PrometheusTextReader
    private var known: [Known] = []
    private var table: [MetricSeries] = []
    private var stamps = ScrapeStamps()
    private var builder: BatchBuilder
    private var scrape = 0
    private var samples: [Sample] = []

    private(set) var staleness = ScrapeStaleness()
    /// The staleness of GPUs. Series come and go with the jobs of a GPU; the GPU itself does not.
    private(set) var gpuStaleness = ScrapeStaleness()
    /// The indices of the GPUs in all scrapes, by the bytes of their uuid; an exporter has few.
    private var gpuNumbers: [[UInt8]: UInt32] = [:]
    private var gpus: [GPUIdentity] = []
    /// The changes made by the last text.
    private(set) var events: [ScrapeEvent] = []
    private(set) var samplesWithoutGPU = 0
    private(set) var progress = SourceProgress()

    init(
        _ configuration: ScrapeSource.Configuration, target: ScrapeTarget, startedAt: Timestamp,
        spareSeries: Int = 10_000
    ) {
        self.target = target
        hosts = configuration.hosts
        timestamps = configuration.timestamps
        self.spareSeries = spareSeries
        var lines = PrometheusTextReader.Configuration()
        lines.badLines = .skip
        reader = PrometheusTextReader(bytes: [], name: target.name, configuration: lines)
        reader.takesNoValueWords = true
        reader.ignoresTimes = timestamps == .now
        builder = BatchBuilder(
            source: configuration.source, maxCount: configuration.batchSize, interval: configuration.interval,
            startedAt: startedAt)
    }

    /// Returns the samples of a whole text, in order. Lines that cannot be parsed are counted and skipped. A text that
    /// contains only such lines does not have the format: a failure that leaves everything unchanged.
    mutating func read(_ body: [UInt8], at began: Timestamp, clock: PipelineClock) -> Result<[MetricBatch], ScrapeError>
    {
        reader.open(bytes: body)
        reader.rejected = RejectedRows()
        // Nothing is thrown if lines are skipped and the bytes are in memory.
        var next = try? reader.next()
        if next == nil, let bad = reader.rejected.first.first {
            return .failure(ScrapeError("not the Prometheus text format: \(bad)"))
        }
        scrape += 1
        let stamp = stamps.begin(at: began)
        staleness.begin()
        gpuStaleness.begin()
        var batches: [MetricBatch] = []
        while let sample = next {
            take(sample, stamp, clock)
            if builder.isFull { batches.append(builder.close(collectedAt: clock.wall())) }
            next = try? reader.next()
        }
        if !builder.isEmpty { batches.append(builder.close(collectedAt: clock.wall())) }
        staleness.end()
        gpuStaleness.end()
        events = changes()
        progress.rejected.add(reader.rejected)
        progress.passes += 1
        progress.bytesRead = body.count
        forgetSeries()
        return .success(batches)
    }
}

// MARK: - One sample

extension ScrapeText {
    private mutating func take(_ sample: PrometheusSample, _ stamp: Int64, _ clock: PipelineClock) {
        let index = Int(sample.series)
        while known.count < reader.series.count { known.append(makeSeries(reader.series[known.count])) }
        let isSecond = known[index].seenIn == scrape
        known[index].seenIn = scrape
        guard known[index].hasGPU else {
            samplesWithoutGPU += 1
            return
        }
        guard let time = time(of: sample, stamp, distance: known[index].distance) else {
            return reject(.timestamp, "\(sample.timestamp!) ms is outside the years 1677 to 2262")
        }
        guard !isSecond || known[index].time != time else {
            return reject(.repeatedSeries, "the text contains the series twice")
        }
        known[index].time = time
        if known[index].place != nil {
            staleness.see(sample.series)
            gpuStaleness.see(known[index].gpu)
        }
        guard hasValue(sample, known[index].rule) else { return }
        progress.rowsRead += 1
        guard let place = known[index].place else { return }
        progress.rowsSelected += 1
        builder.append(series: place, of: table, timestamp: time, value: sample.value, now: clock.monotonic())
    }

    private mutating func makeSeries(_ series: PrometheusSeries) -> Known {
        guard let gpu = ScrapeLabels.gpu(of: series.labels, host: target.host) else { return Known() }
        var new = Known(hasGPU: true, rule: ValueRule(metricName: series.name))
        guard hosts.contains(gpu.hostname) else { return new }
        let metricSeries = MetricSeries(metricName: series.name, gpu: gpu, labels: series.labels)
        new.gpu = number(of: gpu)
        new.place = UInt32(table.count)
        new.distance = stamps.distance(of: metricSeries)
        table.append(metricSeries)
        return new
    }

    private mutating func number(of gpu: GPUIdentity) -> UInt32 {
        let uuid = Array(gpu.uuid.utf8)
        if let number = gpuNumbers[uuid] { return number }
        let number = UInt32(gpus.count)
        gpuNumbers[uuid] = number
        gpus.append(gpu)
        return number
    }

    /// In nanoseconds; `nil` if they do not fit.
    private func time(of sample: PrometheusSample, _ stamp: Int64, distance: Int64) -> Int64? {
        guard timestamps == .source, let milliseconds = sample.timestamp else { return stamp.addingClamped(distance) }
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (time, carry) = nanoseconds.addingReportingOverflow(distance)
        return overflow || carry ? nil : time
    }

    @inline(__always)
    private mutating func hasValue(_ sample: PrometheusSample, _ rule: ValueRule) -> Bool {
        if rule.isSound(sample.value) { return true }
        switch reader.noValue.map(ValueRule.Verdict.noValue) ?? rule.judge(sample.value, text: reader.valueText) {
        case .sound: return true
        case .noValue(let reason):
            progress.quality.add(noValue: reason)
            return false
        case .outOfRange:
            progress.quality.add(
                outOfRange: sample.value, of: reader.series[Int(sample.series)].name,
                at: "\(target.name):\(reader.line)")
            return true
        }
    }

    private mutating func reject(_ kind: PrometheusTextError.Kind, _ message: String) {
        reader.rejected.add(reader.error(kind, 0, message))
    }
}

// MARK: - From scrape to scrape

extension ScrapeText {
    private func changes() -> [ScrapeEvent] {
        var events: [ScrapeEvent] = []
        if !staleness.vanished.isEmpty {
            events.append(.seriesVanished(count: staleness.vanished.count, examples: examples(of: staleness.vanished)))
        }
        if !staleness.returned.isEmpty {
            events.append(.seriesReturned(count: staleness.returned.count, examples: examples(of: staleness.returned)))
        }
        if !gpuStaleness.vanished.isEmpty {
            events.append(
                .gpusVanished(count: gpuStaleness.vanished.count, examples: gpuExamples(of: gpuStaleness.vanished)))
        }
        if !gpuStaleness.returned.isEmpty {
            events.append(
                .gpusReturned(count: gpuStaleness.returned.count, examples: gpuExamples(of: gpuStaleness.returned)))
        }
        return events
    }

    private func examples(of numbers: [UInt32]) -> [String] {
        numbers.prefix(3).map { number in
            let series = table[Int(known[Int(number)].place!)]
            return "\(series.metricName) of \(series.gpu.uuid) on \(series.gpu.hostname)"
        }
    }

    private func gpuExamples(of numbers: [UInt32]) -> [String] {
        numbers.prefix(3).map { "\(gpus[Int($0)].uuid) on \(gpus[Int($0)].hostname)" }
    }

    /// Pods come and go, and each has its own series: otherwise the tables would grow as long as the source runs.
    private mutating func forgetSeries() {
        let isLive = known.map { $0.seenIn == scrape }
        guard isLive.count > spareSeries + 2 * isLive.count(where: { $0 }) else { return }
        let numbers = reader.keepSeries { isLive[Int($0)] }
        staleness.renumber(numbers)
        let before = table
        table = []
        known = known.indices.filter { isLive[$0] }.map { index in
            var kept = known[index]
            if let place = kept.place {
                kept.place = UInt32(table.count)
                table.append(before[Int(place)])
            }
            return kept
        }
        stamps.keep(table)
    }
}
