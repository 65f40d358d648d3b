import TelemetryBase
import TelemetryHTTP
import TelemetryMQProtocol

/// What `get_stats`, `/stats` and `/metrics` tell.
extension Broker {
    /// One JSON object: `total_messages`, `oldest_offset`, `latest_offset`, `subscriber_count`, `subscribers`, and more.
    ///
    /// `latest_offset` is that of the newest message, -1 for none. `lag` of a connected subscriber counts the messages
    /// that are not sent to it yet; that of a position those that it has not committed.
    func statistics() -> [UInt8] {
        ByteWriter.json(capacity: 1024) { json in
            json.object {
                $0.member("log_id", plainText: identity.id)
                $0.member("log_epoch", plainText: identity.epoch)
                $0.member("total_messages", log.nextOffset - log.oldestOffset)
                $0.member("oldest_offset", log.oldestOffset)
                $0.member("latest_offset", log.nextOffset - 1)
                $0.member("log_bytes", log.byteCount)
                $0.member("segment_count", log.segments.count)
                $0.member("connection_count", connections.count)
                $0.member("storage_failed", log.failure != nil)
                $0.member("storage_full", storage.isFull)
                $0.member("subscriber_count", subscribers.count)
                $0.array("subscribers", of: subscribers.sorted) { json, subscriber in
                    let (id, connection) = subscriber
                    json.object {
                        $0.member("id", id)
                        $0.member("current_offset", connection.currentOffset)
                        $0.member("lag", log.nextOffset - connection.currentOffset)
                        if let position = positions[id] { $0.member("committed_offset", position.offset) }
                    }
                }
                $0.member("position_count", positions.count)
                $0.member("positions", json: positionList().json)
            }
        }
    }

    /// Prometheus text format 0.0.4.
    func metrics(_ http: HTTPCounters) -> [UInt8] {
        var out = ByteWriter(capacity: 2048)
        out.appendMetric(
            "telemetry_mq_messages_published_total", "counter", "Messages appended since the start.",
            counters.messagesIn)
        out.appendMetric(
            "telemetry_mq_published_bytes_total", "counter", "Bytes of records appended since the start.",
            counters.bytesIn)
        out.appendMetric(
            "telemetry_mq_delivered_bytes_total", "counter", "Bytes sent to subscribers since the start.",
            counters.bytesDelivered)
        out.appendMetric(
            "telemetry_mq_repeated_publishes_total", "counter",
            "Messages that a producer sent again and that were not appended twice.", counters.publishesRepeated)
        out.appendMetric(
            "telemetry_mq_connections_total", "counter", "Connections accepted since the start.",
            counters.connectionsAccepted)
        out.appendMetric("telemetry_mq_connections", "gauge", "Open connections.", Int64(connections.count))
        out.appendMetric("telemetry_mq_syncs_total", "counter", "Syncs of the log since the start.", counters.syncs)
        out.appendMetric("telemetry_mq_log_bytes", "gauge", "Bytes that the log holds.", log.byteCount)
        out.appendMetric("telemetry_mq_log_segments", "gauge", "Segments that the log has.", Int64(log.segments.count))
        out.appendMetric("telemetry_mq_oldest_offset", "gauge", "Offset of the oldest message.", log.oldestOffset)
        out.appendMetric("telemetry_mq_next_offset", "gauge", "Offset that the next message gets.", log.nextOffset)
        out.appendMetric(
            "telemetry_mq_storage_failed", "gauge", "1 after a failed write or sync: nothing is accepted any more.",
            log.failure == nil ? 0 : 1)
        out.appendMetric(
            "telemetry_mq_storage_full", "gauge", "1 while the device has no room: publishes are refused.",
            storage.isFull ? 1 : 0)
        out.appendMetric(
            "telemetry_mq_refused_messages_total", "counter",
            "Messages that were not stored, because the device was full or had failed.", storage.refusedMessages)
        out.appendMetric(
            "telemetry_mq_retention_failures_total", "counter", "Times that a segment could not be deleted.",
            counters.retentionFailures)
        out.appendMetric(
            "telemetry_mq_read_failures_total", "counter",
            "Times that a segment could not be opened or read for a subscriber.", counters.readFailures)
        out.appendMetric(
            "telemetry_mq_clock_ahead_seconds", "gauge",
            "Seconds that the newest time in the log is ahead of the clock; 0 if it is not.",
            real: Double(clock.ahead) / 1e6)
        appendClientMetrics(to: &out)
        out.appendMetrics(of: http)
        out.appendMetricFamily("telemetry_mq_errors_total", "counter", "Error frames, by code.")
        for code in ErrorCode.allCases {
            out.appendMetricSample("telemetry_mq_errors_total", ["code": code.rawValue], counters.errors[code] ?? 0)
        }
        out.appendMetricFamily(
            "telemetry_mq_subscriber_lag", "gauge", "Messages that are not sent yet to the connected subscriber.")
        for (id, connection) in subscribers.sorted {
            out.appendMetricSample(
                "telemetry_mq_subscriber_lag", ["subscriber": id], log.nextOffset - connection.currentOffset)
        }
        appendPositionMetrics(to: &out)
        return out.bytes
    }
}
