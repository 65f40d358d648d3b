import TelemetryBase

/// Encodes the plain format: every metric with all its members.
package enum PlainEncoder {
    package static func encode(_ batch: MetricBatch) -> [UInt8] {
        // The text before and after a sample's value, created once per series.
        let fixed = batch.series.map { series in
            var before = ByteWriter(capacity: 320)
            before.append(UInt8(ascii: ","))
            before.appendMembers(named: series.metricName, of: series.gpu)
            before.append(",\"value\":")
            var after = ByteWriter(capacity: 320)
            after.append(",\"labels\":")
            after.appendJSON(series.labels)
            after.append(UInt8(ascii: "}"))
            return (before: before.bytes, after: after.bytes)
        }
        var out = ByteWriter(capacity: 128 + batch.count * 512)
        out.append("{\"batch_id\":")
        out.appendJSONString(batch.batchID)
        out.append(",\"source\":")
        out.appendJSONString(batch.source)
        out.append(",\"collected_at\":")
        out.appendJSON(batch.collectedAt)
        out.append(",\"metrics\":[")
        for i in 0..<batch.count {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            let members = fixed[Int(batch.seriesIndices[i])]
            out.append("{\"timestamp\":")
            out.appendJSON(Timestamp(nanoseconds: batch.timestamps[i]))
            out.append(members.before)
            out.appendDouble(batch.values[i])
            out.append(members.after)
        }
        out.append("]}")
        return out.bytes
    }
}
