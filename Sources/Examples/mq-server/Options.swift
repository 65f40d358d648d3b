import ExampleSupport
import TelemetryMQServer

enum Options {
    static let tcpHost = Option<String>.host(
        "TCP_HOST", default: "0.0.0.0", help: "Address that publishers and subscribers connect to.")
    static let tcpPort = Option<Int>.port(
        "TCP_PORT", default: 9000,
        help: "Port that publishers and subscribers connect to; 0: a free port.")
    static let httpHost = Option<String>.host(
        "HTTP_HOST", default: "0.0.0.0", help: "Address that serves `/health`, `/ready`, `/stats` and `/metrics`.")
    static let httpPort = Option<Int>.port(
        "HTTP_PORT", default: 9001,
        help: "Port that serves `/health`, `/ready`, `/stats` and `/metrics`; 0: a free port.")
    static let dataDirectory = Option<String?>.optionalString(
        "MQ_DATA_DIR", shown: "none: memory", placeholder: "PATH",
        help: "Directory of the log; if not set, the log is kept in memory and is lost when the process ends.")
    static let sync = Option<MQServer.SyncPolicy>(
        "MQ_SYNC", default: .interval(.milliseconds(100)), shown: "interval:100ms",
        placeholder: "always|interval:DURATION|never",
        help: "When messages are flushed to disk: `always` before responding, `interval` within the interval, `never` "
            + "when the OS flushes.",
        parse: { (text) throws(OptionValueError) in
            switch text {
            case "always": return .always
            case "never": return .never
            default:
                guard text.hasPrefix("interval:"), let interval = parseDuration(String(text.dropFirst(9))),
                    interval > .zero
                else {
                    throw OptionValueError(
                        "expected always, never, or interval: and a duration, such as interval:100ms")
                }
                return .interval(interval)
            }
        })
    static let segmentBytes = Option<Int>.size(
        "MQ_SEGMENT_BYTES", default: "256MiB", in: 4096...1 << 40,
        help: "Segment size at which the log starts a new segment.")
    static let retentionBytes = Option<Int?>.sizeLimit(
        "MQ_RETENTION_BYTES",
        help: "Delete the oldest segments as long as the remaining ones hold at least this many bytes.")
    static let retentionAge = Option<Duration?>.durationLimit(
        "MQ_RETENTION_AGE", help: "Delete segments whose newest message is older than this.")
    static let maxFrameBytes = Option<Int>.size(
        "MQ_MAX_FRAME_BYTES", default: "16MiB", in: 1024...1 << 30,
        help: "Maximum size of a frame that a client may send.")
    static let receiveBytes = Option<Int>.size(
        "MQ_RECEIVE_BYTES", default: "256MiB", in: 1 << 20...1 << 40,
        help: "Memory limit for incomplete frames and unread responses of all connections; above it, the connections "
            + "that use most are closed.")
    static let frameTimeout = Option<Duration>.duration(
        "MQ_FRAME_TIMEOUT", default: "30s",
        help: "Close a connection that has sent part of a frame and then nothing for this long.")
    static let maxPositions = Option<Int>.int(
        "MQ_MAX_POSITIONS", default: 4096, in: 1...1_000_000,
        help: "Maximum number of committed positions; a commit for a further subscriber id is refused.")
    static let positionExpiry = Option<Duration?>(
        "MQ_POSITION_EXPIRY", default: .seconds(30 * 86_400), shown: "30d", placeholder: "DURATION",
        help: "Delete a position that has had no commit and no connected subscriber for this long; 0: never.",
        parse: { (text) throws(OptionValueError) in
            guard let duration = parseDuration(text) else {
                throw OptionValueError("expected a duration such as 12h or 30d, or 0")
            }
            return duration == .zero ? nil : duration
        })
    static let token = Option<String?>.optionalString(
        "MQ_TOKEN", isSecret: true, help: "Token that clients must present; if not set, every client is accepted.")

    static let all: [any AnyOption] = [
        tcpHost, tcpPort, httpHost, httpPort, dataDirectory, sync, segmentBytes, retentionBytes, retentionAge,
        maxFrameBytes, receiveBytes, frameTimeout, maxPositions, positionExpiry, token,
    ]
}
