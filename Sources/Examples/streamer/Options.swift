import ExampleSupport
import TelemetryModels
import TelemetryPipeline

enum Options {
    static let id = Option<String?>.optionalString(
        "STREAMER_ID", shown: "host name and process id",
        help: "Unique id of this instance; its batches name it as their source.")
    static let source = Option<String?>.optionalString(
        "SOURCE", placeholder: "PATH|-|URL",
        help: "What to read: a DCGM export, a directory of `*.csv` files, a pattern (`exports/*.csv`), `-` for "
            + "standard input, or the URL of a dcgm-exporter (`http://host:9400/metrics`). Required.")
    static let csvPath = Option<String?>.optionalString(
        "CSV_PATH", placeholder: "PATH",
        help: "Another name for `SOURCE`.")
    static let interval = Option<Duration>.duration(
        "STREAM_INTERVAL", default: "5s",
        help: "Maximum time that rows are collected before they are published as one message.")
    static let batchSize = Option<Int>.int(
        "BATCH_SIZE", default: 10_000, in: 1...1_000_000, placeholder: "ROWS",
        help: "Maximum number of rows per message.")
    static let rate = Option<Int?>(
        "RATE", default: nil, shown: "1000 with LOOP, otherwise 0", placeholder: "ROWS",
        help: "Rows per second; 0: no limit. Does not apply to an exporter.",
        parse: { (text) throws(OptionValueError) in
            guard let rate = Int(text), 0...1_000_000_000 ~= rate else {
                throw OptionValueError("expected a whole number of rows a second, or 0")
            }
            return rate
        })
    static let loop = Option<Bool>.bool(
        "LOOP", default: true,
        help: "Start again after the last row, with the files present by then; `false`: stop there and log a summary. "
            + "Files only.")
    static let hostFilter = Option<String>.string(
        "HOST_FILTER", default: "", placeholder: "HOSTS",
        help: "Comma-separated host names or patterns (`dgx-*`) whose rows are sent; empty: all hosts.")
    static let timestamps = Option<SampleTimestamps>.choice(
        "TIMESTAMPS", default: .now,
        help: "Time of a sample; `now`: when its row was read or its scrape started; `source`: the time in the row.")
    static let scrapeInterval = Option<Duration>.duration(
        "SCRAPE_INTERVAL", default: "15s", help: "Interval between scrapes of an exporter.")
    static let scrapeTimeout = Option<Duration?>.durationLimit(
        "SCRAPE_TIMEOUT", shown: "10s, or SCRAPE_INTERVAL if that is less",
        help: "Timeout of a scrape; at most `SCRAPE_INTERVAL`.")
    static let scrapeToken = Option<String?>.optionalString(
        "SCRAPE_TOKEN", isSecret: true, help: "Bearer token that the exporter requires.")
    static let scrapeProxy = Option<String?>.proxy(
        "SCRAPE_PROXY", help: "Proxy for scrapes; environment variables such as `http_proxy` are ignored.")
    static let format = Option<BatchFormat>.choice(
        "BATCH_FORMAT", default: .columnar,
        help: "JSON format of a batch; `columnar`: compact; `plain`: one object per sample, for other tools.")
    static let bufferBatches = Option<Int>.int(
        "BUFFER_BATCHES", default: 16, in: 1...100_000, placeholder: "BATCHES",
        help: "Maximum number of batches in memory while the queue accepts none; when full, reading pauses and "
            + "scrapes are skipped."
    )
    static let drainTimeout = Option<Duration>.duration(
        "DRAIN_TIMEOUT", default: "10s", help: "Maximum time at shutdown to publish what has been collected.")
    static let progressInterval = Option<Duration>.duration(
        "PROGRESS_INTERVAL", default: "10s",
        help: "Interval between progress lines in the log; a terminal shows progress continuously. 0: never.")

    static let all: [any AnyOption] =
        [
            id, source, csvPath, interval, batchSize, rate, loop, hostFilter, timestamps, scrapeInterval, scrapeTimeout,
            scrapeToken, scrapeProxy,
            format, bufferBatches, drainTimeout, progressInterval,
        ] + StatusOptions.all + QueueOptions.all
}
