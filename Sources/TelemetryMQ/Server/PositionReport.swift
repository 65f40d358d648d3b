import TelemetryBase

/// A stored position as it is reported.
struct PositionRow {
    var id: String
    var committedOffset: Int64
    /// Messages after the committed one.
    var lag: Int64
    /// Age of the oldest message that the log holds and that is not committed, in microseconds; 0 for none.
    var lagMicroseconds: Int64
    var isConnected: Bool
    var committedAt: Int64
    var skipped: Int64

    func append(logID: [UInt8], to json: inout JSONWriter<ByteWriter>) {
        json.object {
            $0.member("subscriber_id", id)
            $0.member("committed_offset", committedOffset)
            $0.member("lag", lag)
            $0.member("lag_seconds", Double(lagMicroseconds) / 1e6)
            $0.member("connected", isConnected)
            $0.member("committed_at", committedAt)
            $0.member("skipped", skipped)
            $0.member("log_id", plainText: logID)
        }
    }
}

extension Broker {
    /// A list in one response ends when it is this long; the rest is for the next request.
    private static let maxListBytes = 1 << 20

    /// Rows of subscriber ids after `after`, in the order of the ids' bytes, as far as `body` returns `true`.
    private func forEachPosition(after: String? = nil, _ body: (PositionRow) -> Bool) {
        let now = configuration.clock.wall()
        let (next, oldest) = (log.nextOffset, log.oldestOffset)
        let ids = positions.ids
        let start = after.map { after in ids.partitioningIndex { after.precedes($0) } } ?? 0
        positionCounters.times.beginReport()
        for id in ids[start...] {
            guard let position = positions[id] else { continue }
            let lag = max(0, next.subtractingClamped(position.nextOffset))
            let time =
                lag == 0 ? nil : positionCounters.times.time(of: max(position.nextOffset, oldest), in: log, now: now)
            let row = PositionRow(
                id: id, committedOffset: position.offset, lag: lag,
                lagMicroseconds: time.map { max(0, now.subtractingClamped($0)) } ?? 0,
                isConnected: subscribers[id] != nil, committedAt: position.committedAt, skipped: position.skipped)
            guard body(row) else { return }
        }
    }

    /// `[…]`, and the id after which the list goes on if it is too long for one response.
    func positionList(after: String? = nil) -> (json: [UInt8], last: String?) {
        var last: String?
        var next: String?
        let list = ByteWriter.json(capacity: 256 * min(positions.count, 4096) + 2) { json in
            json.array { rows in
                forEachPosition(after: after) { row in
                    guard rows.sink.count < Self.maxListBytes else {
                        next = last
                        return false
                    }
                    row.append(logID: identity.id, to: &rows)
                    last = row.id
                    return true
                }
            }
        }
        return (list, next)
    }

    /// Prometheus text format 0.0.4: of each position, up to the configured number of them, and of all together.
    func appendPositionMetrics(to out: inout ByteWriter) {
        var rows: [PositionRow] = []
        // `{subscriber="…"} `, written once for all families.
        var labels = ByteWriter(capacity: positions.count * 48)
        var ends: [Int] = []
        forEachPosition { row in
            labels.append(#"{subscriber="#)
            labels.appendPrometheusLabelValue(row.id)
            labels.append("} ")
            ends.append(labels.count)
            rows.append(row)
            return rows.count < configuration.maxPositions
        }
        func family(
            _ name: StaticString, _ type: StaticString, _ help: StaticString,
            _ value: (PositionRow, inout ByteWriter) -> Void
        ) {
            out.appendMetricFamily(name, type, help)
            for (index, row) in rows.enumerated() {
                out.append(name)
                out.append(labels.bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
                value(row, &out)
                out.append("\n")
            }
        }
        family("telemetry_mq_position_lag", "gauge", "Messages after the one that the subscriber committed last.") {
            $1.appendDecimal($0.lag)
        }
        family(
            "telemetry_mq_position_lag_seconds", "gauge",
            "Age of the oldest message that the subscriber has not committed; 0 without one."
        ) {
            $1.appendDouble(Double($0.lagMicroseconds) / 1e6)
        }
        family("telemetry_mq_position_connected", "gauge", "1 while the subscriber is connected.") {
            $1.append($0.isConnected ? "1" : "0")
        }
        family(
            "telemetry_mq_position_committed_timestamp_seconds", "gauge",
            "When the subscriber committed last, since 1970; 0 if unknown."
        ) {
            $1.appendDouble(Double($0.committedAt) / 1e6)
        }
        family(
            "telemetry_mq_position_skipped_messages_total", "counter",
            "Messages that retention dropped before the subscriber committed them."
        ) {
            $1.appendDecimal($0.skipped)
        }
        out.appendMetric("telemetry_mq_positions", "gauge", "Stored positions.", Int64(positions.count))
        out.appendMetric(
            "telemetry_mq_positions_expired_total", "counter",
            "Positions that were forgotten because nobody used them, since the start.", positionCounters.expired)
        out.appendMetric(
            "telemetry_mq_positions_refused_total", "counter",
            "Commits that were refused because too many positions are stored, since the start.",
            positionCounters.refused)
    }
}

extension Array {
    /// The index of the first element for which `belongs` holds; it must hold for all after it too.
    fileprivate func partitioningIndex(_ belongs: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if belongs(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
