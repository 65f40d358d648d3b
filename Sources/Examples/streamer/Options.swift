import ExampleSupport
import TelemetryKit

enum Options {
    static let id = Option<String?>.optionalString(
        "STREAMER_ID", shown: "host and pid", help: "What tells this instance from any other; it is the source of its batches.")
    static let source = Option<String?>.optionalString(
        "SOURCE", placeholder: "PATH|-|URL",
        help: "What to read: a DCGM export, a directory of *.csv, a pattern (exports/*.csv), - for standard input, or the address "
            + "of a dcgm-exporter (http://host:9400/metrics). Needed.")
    static let csvPath = Option<String?>.optionalString("CSV_PATH", placeholder: "PATH", help: "Another name of SOURCE.")
    static let interval = Option<Duration>.duration(
        "STREAM_INTERVAL", default: "5s", help: "How long rows are collected before they leave as one message.")
    static let batchSize = Option<Int>.int(
        "BATCH_SIZE", default: 10_000, in: 1...1_000_000, placeholder: "ROWS", help: "Rows a message at most.")
    static let rate = Option<Int?>(
        "RATE", default: nil, shown: "1000 with LOOP, else 0", placeholder: "ROWS",
        help: "Rows a second; 0: as fast as it goes. Not for an exporter.",
        parse: { (text) throws(OptionValueError) in
            guard let rate = Int(text), 0...1_000_000_000 ~= rate else {
                throw OptionValueError("expected a whole number of rows a second, or 0")
            }
            return rate
        })
    static let loop = Option<Bool>.bool(
        "LOOP", default: true,
        help: "Begin again at the end, with the files that are there by then; false: end there, with a summary. Files only.")
    static let hostFilter = Option<String>.string(
        "HOST_FILTER", default: "", placeholder: "HOSTS",
        help: "Hosts whose rows are sent: names or patterns (dgx-*), with commas; empty: all.")
    static let timestamps = Option<SampleTimestamps>.choice(
        "TIMESTAMPS", default: .now, help: "now: a sample's time is when its row is read or its scrape began; source: what the row says.")
    static let scrapeInterval = Option<Duration>.duration(
        "SCRAPE_INTERVAL", default: "15s", help: "How often an exporter is asked.")
    static let scrapeTimeout = Option<Duration?>.durationLimit(
        "SCRAPE_TIMEOUT", shown: "10s, or SCRAPE_INTERVAL if that is less",
        help: "How long its answer is waited for; not longer than SCRAPE_INTERVAL.")
    static let scrapeToken = Option<String?>.optionalString(
        "SCRAPE_TOKEN", isSecret: true, help: "What an exporter asks of its clients, as bearer token.")
    static let scrapeProxy = Option<String?>.proxy(
        "SCRAPE_PROXY", help: "Proxy for scrapes; variables such as http_proxy are not used.")
    static let format = Option<BatchFormat>.choice(
        "BATCH_FORMAT", default: .columnar, help: "How a batch is written as JSON: small, or readable by anything.")
    static let bufferBatches = Option<Int>.int(
        "BUFFER_BATCHES", default: 16, in: 1...100_000, placeholder: "BATCHES",
        help: "Batches that are kept in memory while the queue takes none; then reading waits, and scrapes are skipped."
    )
    static let drainTimeout = Option<Duration>.duration(
        "DRAIN_TIMEOUT", default: "10s", help: "How long the end waits for the queue to take what is collected.")
    static let progressInterval = Option<Duration>.duration(
        "PROGRESS_INTERVAL", default: "10s", help: "How often progress is logged; a terminal shows it all the time. 0: never.")

    static let all: [any AnyOption] =
        [
            id, source, csvPath, interval, batchSize, rate, loop, hostFilter, timestamps, scrapeInterval, scrapeTimeout, scrapeToken, scrapeProxy,
            format, bufferBatches, drainTimeout, progressInterval,
        ] + StatusOptions.all + QueueOptions.all
}
