import ExampleDatabases
import ExampleSupport
import TelemetryKit

/// The database to write to.
enum Storage: String, CaseIterable, Sendable { case influxdb, victoriametrics }

/// Where to begin in the log.
enum StartOffset: Sendable, Hashable {
    case committed, earliest, latest
    case number(Int64)
}

enum Options {
    static let id = Option<String?>.optionalString(
        "COLLECTOR_ID", shown: "collector, with SHARD its index and count",
        help: "The subscriber whose committed position this instance keeps. One instance at a time uses an id.")
    static let offset = Option<StartOffset>(
        "OFFSET", default: .committed, shown: "committed", placeholder: "committed|earliest|latest|N",
        help: "First message to read; committed: the one after the last that was stored, or the earliest.",
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
        help: "Store only the GPUs of share I of N, so that N collectors divide the writing.",
        parse: { (text) throws(OptionValueError) in
            guard let shard = Shard(text) else { throw OptionValueError("expected a share such as 2/4") }
            return shard
        })
    static let storage = Option<Storage>.choice("STORAGE", default: .influxdb, help: "The database to write to.")
    static let retention = Option<Duration?>.durationLimit(
        "RETENTION_PERIOD", help: "How long InfluxDB keeps samples, where this program creates the bucket.")
    static let flushInterval = Option<Duration>.duration(
        "FLUSH_INTERVAL", default: "1s", help: "How long samples wait for more before they are written.")
    static let batchSize = Option<Int>.int(
        "BATCH_SIZE", default: 10_000, in: 1...1_000_000, placeholder: "SAMPLES",
        help: "Samples of a write, from which on it is not waited for more.")
    static let batchBytes = Option<Int>.size(
        "BATCH_BYTES", default: "4MiB", in: 1 << 10...1 << 30,
        help: "Bytes of messages, from which on it is not waited for more, and of a request to the database.")
    static let writesAtOnce = Option<Int>.int(
        "WRITES_AT_ONCE", default: 4, in: 1...64, placeholder: "WRITES", help: "Writes that are under way at one time.")
    static let deadLetterFile = Option<String?>.optionalString(
        "DEAD_LETTER_FILE", shown: "none: they are logged and passed over", placeholder: "PATH",
        help: "Where samples go that the database refuses for good, with its reason, as lines of JSON.")
    static let drainTimeout = Option<Duration>.duration(
        "DRAIN_TIMEOUT", default: "10s", help: "How long the end waits for the database to take what is read.")
    static let progressInterval = Option<Duration>.duration(
        "PROGRESS_INTERVAL", default: "10s", help: "How often progress is logged. 0: never.")

    static let all: [any AnyOption] =
        [id, offset, shard, storage] + InfluxDBOptions.all + VictoriaMetricsOptions.all + [DatabaseOptions.proxy]
        + [retention, flushInterval, batchSize, batchBytes, writesAtOnce, deadLetterFile, drainTimeout, progressInterval]
        + StatusOptions.all + QueueOptions.all
}
