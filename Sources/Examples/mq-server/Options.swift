import ExampleSupport
import TelemetryMQ

enum Options {
    static let tcpHost = Option<String>.string(
        "TCP_HOST", default: "0.0.0.0", placeholder: "HOST", help: "Address on which publishers and subscribers connect.")
    static let tcpPort = Option<Int>.port("TCP_PORT", default: 9000, help: "Port for them; 0 takes a free one.")
    static let httpHost = Option<String>.string(
        "HTTP_HOST", default: "0.0.0.0", placeholder: "HOST", help: "Address of /health, /stats and /metrics.")
    static let httpPort = Option<Int>.port("HTTP_PORT", default: 9001, help: "Port of /health, /stats and /metrics; 0 takes a free one.")
    static let dataDirectory = Option<String?>.optionalString(
        "MQ_DATA_DIR", shown: "none: memory", placeholder: "PATH",
        help: "Directory that keeps the log; without one it lives in memory and ends with the process.")
    static let sync = Option<MQServer.SyncPolicy>(
        "MQ_SYNC", default: .interval(.milliseconds(100)), shown: "interval:100ms", placeholder: "always|interval:DURATION|never",
        help: "When messages reach the disk: before the answer, at the latest so much later, or when the system likes.",
        parse: { (text) throws(OptionValueError) in
            switch text {
            case "always": return .always
            case "never": return .never
            default:
                guard text.hasPrefix("interval:"), let interval = parseDuration(String(text.dropFirst(9))), interval > .zero else {
                    throw OptionValueError("expected always, never, or interval: and a duration, such as interval:100ms")
                }
                return .interval(interval)
            }
        })
    static let segmentBytes = Option<Int>.size(
        "MQ_SEGMENT_BYTES", default: "256MiB", in: 4096...1 << 40, help: "Size from which on the log begins a new segment.")
    static let retentionBytes = Option<Int?>.sizeLimit(
        "MQ_RETENTION_BYTES", help: "Oldest segments are dropped while the rest holds at least so much.")
    static let retentionAge = Option<Duration?>.durationLimit(
        "MQ_RETENTION_AGE", help: "Segments whose newest message is older are dropped.")
    static let maxFrameBytes = Option<Int>.size(
        "MQ_MAX_FRAME_BYTES", default: "16MiB", in: 1024...1 << 30, help: "The largest frame that a client may send.")
    static let receiveBytes = Option<Int>.size(
        "MQ_RECEIVE_BYTES", default: "256MiB", in: 1 << 20...1 << 40,
        help: "Memory for unfinished frames and unread responses of all connections; beyond it the worst holders are closed.")
    static let frameTimeout = Option<Duration>.duration(
        "MQ_FRAME_TIMEOUT", default: "30s",
        help: "A client that has begun a frame and does not go on for this long is closed.")
    static let token = Option<String?>.optionalString(
        "MQ_TOKEN", isSecret: true, help: "What clients must present; without it every client is served.")

    static let all: [any AnyOption] = [
        tcpHost, tcpPort, httpHost, httpPort, dataDirectory, sync, segmentBytes, retentionBytes, retentionAge, maxFrameBytes,
        receiveBytes, frameTimeout, token,
    ]
}
