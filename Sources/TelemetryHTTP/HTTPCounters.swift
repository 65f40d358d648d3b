import Synchronization
import TelemetryBase

/// The counters of a server since its start, and its open connections. May be read from any thread.
package final class HTTPCounters: Sendable {
    /// Why the server closed a connection that the client had not ended.
    package enum Reason: String, CaseIterable, Sendable {
        /// It had waited longest for its client when another connection needed the slot.
        case connectionLimit = "connection_limit"
        /// It had the largest product of memory and time when all connections together used too much.
        case memoryLimit = "memory_limit"
        case descriptors
        case requestTimeout = "request_timeout"
        case writeTimeout = "write_timeout"
        case idleTimeout = "idle_timeout"
    }

    fileprivate struct Counts {
        var accepted = 0
        var open = 0
        var closed: [Reason: Int] = [:]
        var refused = 0
        var acceptFailures = 0
    }

    private let counts = Mutex(Counts())

    package init() {}

    fileprivate var snapshot: Counts { counts.withLock { $0 } }

    func opened() {
        counts.withLock { counts in
            counts.accepted += 1
            counts.open += 1
        }
    }

    func ended() { counts.withLock { $0.open -= 1 } }
    func closed(_ reason: Reason) { counts.withLock { $0.closed[reason, default: 0] += 1 } }
    /// Counts a request that no handler sees: not HTTP, too large, or too slow.
    func refused() { counts.withLock { $0.refused += 1 } }
    func acceptFailed() { counts.withLock { $0.acceptFailures += 1 } }

    /// The number of connections that the server closed for that reason.
    package func closedCount(_ reason: Reason) -> Int { counts.withLock { $0.closed[reason] ?? 0 } }
}

extension ByteWriter {
    /// The metrics of an HTTP server in the Prometheus text format; the names are the same in all programs.
    package mutating func appendMetrics(of server: HTTPCounters) {
        let counts = server.snapshot
        appendMetric(
            "telemetry_http_connections_total", "counter", "HTTP connections accepted since the start.",
            Int64(counts.accepted))
        appendMetric("telemetry_http_connections", "gauge", "Open HTTP connections.", Int64(counts.open))
        appendMetric(
            "telemetry_http_refused_requests_total", "counter",
            "HTTP requests that were malformed, too large or too slow.", Int64(counts.refused))
        appendMetric(
            "telemetry_http_accept_failures_total", "counter",
            "HTTP connections that could not be accepted, because descriptors or memory ran out.",
            Int64(counts.acceptFailures))
        let closed: StaticString = "telemetry_http_connections_closed_total"
        appendMetricFamily(
            closed, "counter", "HTTP connections that the server closed before their client did, by reason.")
        for reason in HTTPCounters.Reason.allCases {
            appendMetricSample(closed, ["reason": reason.rawValue], Int64(counts.closed[reason] ?? 0))
        }
    }
}
