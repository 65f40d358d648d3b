import ExampleSupport
import TelemetryKit

/// What a streamer reads.
enum Source: Sendable {
    case csv(CSVInput)
    /// A dcgm-exporter.
    case exporter(url: String)

    init(_ text: String) {
        let isURL = ["http://", "https://"].contains { text.lowercased().hasPrefix($0) }
        self = isURL ? .exporter(url: text) : .csv(CSVInput(text))
    }

    /// What SOURCE names, or else CSV_PATH.
    init(_ configuration: Configuration) throws(UsageError) {
        let (source, csvPath) = (configuration[Options.source] ?? "", configuration[Options.csvPath] ?? "")
        if !source.isEmpty, !csvPath.isEmpty, source != csvPath {
            throw UsageError("SOURCE=\(source) and CSV_PATH=\(csvPath) name different sources; give one of them")
        }
        let text = source.isEmpty ? csvPath : source
        guard !text.isEmpty else {
            throw UsageError("nothing to read: name it by --source PATH, or by SOURCE in the environment")
        }
        self.init(text)
    }

    var name: String {
        switch self {
        case .csv(let input): input.description
        case .exporter(let url): ScrapeSource.shown(url: url)
        }
    }

    /// Whether it can be read again from the start.
    var canLoop: Bool {
        switch self {
        case .csv(let input): !input.isStream
        case .exporter: false
        }
    }

    /// Options that were given and change nothing for this source.
    func idleOptions(_ configuration: Configuration) -> [String] {
        var idle: [any AnyOption] = []
        switch self {
        case .csv: idle = [Options.scrapeInterval, Options.scrapeTimeout, Options.scrapeToken]
        case .exporter: idle = [Options.rate]
        }
        // LOOP=false is what happens anyway.
        if !canLoop, configuration[Options.loop] { idle.append(Options.loop) }
        return idle.filter(configuration.isGiven).map(\.name)
    }
}

extension CSVSource.Configuration {
    init(_ input: CSVInput, source id: String, loop: Bool, _ configuration: Configuration) {
        self.init(input: input, source: id)
        hosts = HostFilter(configuration[Options.hostFilter])
        self.loop = loop
        rate = configuration[Options.rate] ?? (loop ? 1000 : 0)
        timestamps = configuration[Options.timestamps]
        batchSize = configuration[Options.batchSize]
        interval = configuration[Options.interval]
    }
}

extension ScrapeSource.Configuration {
    init(_ url: String, source id: String, _ timing: ScrapeTiming, _ configuration: Configuration) {
        self.init(url: url, source: id)
        hosts = HostFilter(configuration[Options.hostFilter])
        interval = timing.interval
        timeout = timing.timeout
        timestamps = configuration[Options.timestamps]
        batchSize = configuration[Options.batchSize]
        bearerToken = configuration[Options.scrapeToken]
    }
}

/// How an exporter is scraped.
struct ScrapeTiming: Sendable {
    var interval: Duration
    var timeout: Duration

    /// A scrape must be over when the next begins.
    init(_ configuration: Configuration) throws(UsageError) {
        interval = configuration[Options.scrapeInterval]
        guard interval > .zero else { throw UsageError("SCRAPE_INTERVAL must be longer than 0") }
        timeout = configuration[Options.scrapeTimeout] ?? min(.seconds(10), interval)
        guard timeout <= interval else {
            throw UsageError("SCRAPE_TIMEOUT=\(timeout) is longer than SCRAPE_INTERVAL=\(interval)")
        }
    }
}
