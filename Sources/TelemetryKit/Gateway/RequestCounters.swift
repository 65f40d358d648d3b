import Synchronization
import TelemetryBase

/// Requests by route and status, and the time they took, for `/metrics`.
final class RequestCounters: Sendable {
    private struct Key: Hashable {
        var route: String
        var status: Int
    }

    private struct Sum {
        var count = 0
        var duration = Duration.zero

        mutating func add(_ duration: Duration) {
            count += 1
            self.duration += duration
        }
    }

    private let sums = Mutex<[Key: Sum]>([:])

    func count(route: String, status: Int, duration: Duration) {
        sums.withLock { $0[Key(route: route, status: status), default: Sum()].add(duration) }
    }

    func append(to out: inout ByteWriter) {
        let all = sums.withLock { $0 }.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
        out.appendMetricFamily(
            "gateway_request_duration_seconds", "summary", "Time from the complete request to its response.")
        for (key, sum) in all {
            let labels: ByteWriter.MetricLabels = ["route": key.route, "status": String(key.status)]
            out.appendMetricSample("gateway_request_duration_seconds_count", labels, Int64(sum.count))
            out.appendMetricSample("gateway_request_duration_seconds_sum", labels, real: sum.duration / .seconds(1))
        }
    }
}
