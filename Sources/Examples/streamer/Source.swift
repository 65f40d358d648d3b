import ExampleSupport
import TelemetryMQClient
import TelemetryPipeline
import TelemetryReaders
import TelemetryScraping

/// What a streamer reads, and how.
enum Source: Sendable {
    case csv(CSVSource.Configuration)
    /// A dcgm-exporter.
    case exporter(ScrapeSource.Configuration)

    /// - Parameter id: the streamer's own.
    init(_ configuration: Configuration, id: String) throws(UsageError) {
        let text = try Source.text(configuration)
        if text.contains("://") {
            self = .exporter(try ScrapeSource.Configuration(url: text, source: id, configuration))
        } else {
            self = .csv(CSVSource.Configuration(CSVInput(text), source: id, configuration))
        }
    }

    /// What SOURCE names, or else CSV_PATH.
    private static func text(_ configuration: Configuration) throws(UsageError) -> String {
        let (source, csvPath) = (configuration[Options.source] ?? "", configuration[Options.csvPath] ?? "")
        if !source.isEmpty, !csvPath.isEmpty, source != csvPath {
            throw UsageError(
                "SOURCE=\(Secrets.redactedURL(source)) and CSV_PATH=\(Secrets.redactedURL(csvPath)) name different "
                    + "sources; give one of them")
        }
        let text = source.isEmpty ? csvPath : source
        guard !text.isEmpty else {
            throw UsageError("nothing to read: name it by --source PATH, or by SOURCE in the environment")
        }
        return text
    }

    /// For messages.
    var name: String {
        switch self {
        case .csv(let csv): csv.input.description
        case .exporter(let exporter): Secrets.redactedURL(exporter.url)
        }
    }

    /// Whether it is read again from the start when its end is reached.
    var loops: Bool {
        switch self {
        case .csv(let csv): csv.loop
        case .exporter: false
        }
    }

    /// Options that were given and change nothing for this source.
    func idleOptions(_ configuration: Configuration) -> [String] {
        var idle: [any AnyOption] = []
        switch self {
        case .csv: idle = [Options.scrapeInterval, Options.scrapeTimeout, Options.scrapeToken, Options.scrapeProxy]
        case .exporter: idle = [Options.rate]
        }
        if configuration[Options.loop], !loops { idle.append(Options.loop) }
        return idle.filter(configuration.isGiven).map(\.name)
    }
}

extension CSVSource.Configuration {
    init(_ input: CSVInput, source id: String, _ configuration: Configuration) {
        self.init(input: input, source: id)
        hosts = HostFilter(configuration[Options.hostFilter])
        loop = configuration[Options.loop] && !input.isStream
        rate = configuration[Options.rate] ?? (loop ? 1000 : 0)
        timestamps = configuration[Options.timestamps]
        batchSize = configuration[Options.batchSize]
        interval = configuration[Options.interval]
    }
}

extension ScrapeSource.Configuration {
    init(url: String, source id: String, _ configuration: Configuration) throws(UsageError) {
        self.init(url: url, source: id)
        hosts = HostFilter(configuration[Options.hostFilter])
        interval = configuration[Options.scrapeInterval]
        timeout = configuration[Options.scrapeTimeout] ?? min(.seconds(10), interval)
        timestamps = configuration[Options.timestamps]
        batchSize = configuration[Options.batchSize]
        bearerToken = configuration[Options.scrapeToken]
        proxy = configuration[Options.scrapeProxy]
        guard interval > .zero else { throw UsageError("SCRAPE_INTERVAL must be longer than 0") }
        // A scrape must be over when the next begins.
        guard timeout <= interval else {
            throw UsageError(
                "SCRAPE_TIMEOUT=\(timeout.roundedText) is longer than SCRAPE_INTERVAL=\(interval.roundedText)")
        }
        do {
            try check()
        } catch {
            throw UsageError("SOURCE: \(error)")
        }
    }
}
