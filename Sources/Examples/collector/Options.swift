import ExampleDatabases
import ExampleSupport
import TelemetryPipeline

/// The database to write to.
enum Storage: String, CaseIterable, Sendable { case influxdb, victoriametrics }

/// Where to begin in the log.
enum StartOffset: Sendable, Hashable {
    case committed, earliest, latest
    case number(Int64)
}

enum Options {
    static let id = Option<String?>.optionalString(
        "COLLECTOR_ID", shown: "collector; with SHARD=I/N, collector-I-N",
        help: "Subscriber id under which this instance commits its position. Only one instance at a time may use an "
            + "id.")
    static let offset = Option<StartOffset>(
        "OFFSET", default: .committed, shown: "committed", placeholder: "committed|earliest|latest|N",
        help: "First message to read; `committed`: the one after the committed position, or the earliest if there is "
            + "none.",
        parse: { (text) throws(OptionValueError) in
            switch text.lowercased() {
            case "committed": return .committed
            case "earliest": return .earliest
            case "latest": return .latest
            default:
                guard let number = Int64(text), number >= 0 else {
                    throw OptionValueError("expected committed, earliest, latest or an offset")
                }
                return .number(number)
            }
        })
    static let shard = Option<Shard?>(
        "SHARD", default: nil, shown: "none: every GPU", placeholder: "I/N",
        help: "Store only the GPUs of shard I of N, so that N collectors share the writing.",
        parse: { (text) throws(OptionValueError) in
            guard let shard = Shard(text) else { throw OptionValueError("expected a shard such as 2/4") }
            return shard
        })
    static let storage = Option<Storage>.choice("STORAGE", default: .influxdb, help: "The database to write to.")
    static let retention = Option<Duration?>.durationLimit(
        "RETENTION_PERIOD", help: "Retention period of the InfluxDB bucket if this program creates it.")
    static let flushInterval = Option<Duration>.duration(
        "FLUSH_INTERVAL", default: "1s",
        help: "Maximum time that samples wait for a batch to fill before they are written.")
    static let batchSize = Option<Int>.int(
        "BATCH_SIZE", default: 10_000, in: 1...1_000_000, placeholder: "SAMPLES",
        help: "Maximum number of samples per write; a full batch is sent at once.")
    static let batchBytes = Option<Int>.size(
        "BATCH_BYTES", default: "4MiB", in: 1 << 10...1 << 30,
        help: "Size of its messages at which a batch is full, and maximum size of a request to the database.")
    static let writesAtOnce = Option<Int>.int(
        "WRITES_AT_ONCE", default: 4, in: 1...64, placeholder: "WRITES", help: "Maximum number of concurrent writes.")
    static let deadLetterFile = Option<String?>.optionalString(
        "DEAD_LETTER_FILE", shown: "none: they are logged and skipped", placeholder: "PATH",
        help: "File for samples that the database refuses permanently: one JSON object per line, with the reason.")
    static let drainTimeout = Option<Duration>.duration(
        "DRAIN_TIMEOUT", default: "10s", help: "Maximum time at shutdown to write what has been read.")
    static let progressInterval = Option<Duration>.duration(
        "PROGRESS_INTERVAL", default: "10s", help: "Interval between progress lines in the log; 0: never.")

    static let all: [any AnyOption] =
        [id, offset, shard, storage] + InfluxDBOptions.all + VictoriaMetricsOptions.all + [DatabaseOptions.proxy]
        + [
            retention, flushInterval, batchSize, batchBytes, writesAtOnce, deadLetterFile, drainTimeout,
            progressInterval,
        ]
        + StatusOptions.all + QueueOptions.all
}
