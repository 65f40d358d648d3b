import TelemetryBase
import TelemetryMQProtocol

extension MQClient {
    /// Returns the offset of the newest message in the server's log; -1 if the log is empty.
    public func newestOffset() async throws(MQError) -> Int64 { try await newestPosition().offset }

    /// Returns the position of the newest message in the server's log, with the log; offset -1 if the log is empty.
    public func newestPosition() async throws(MQError) -> LogPosition {
        guard let position = Self.newestPosition(in: try await statistics()) else {
            throw MQError(.protocolViolation, "\(peer): statistics without a latest_offset")
        }
        return position
    }

    /// Extracts the position from statistics that were requested before; `nil` if they do not contain it.
    package static func newestPosition(in statistics: [UInt8]) -> LogPosition? {
        let found = statistics.withUnsafeBytes { bytes in
            Result { () throws(JSONError) -> LogPosition? in
                var reader = JSONReader(bytes)
                var offset: Int64?
                var (id, epoch): (JSONText?, JSONText?)
                try reader.readObject { (key, reader) throws(JSONError) in
                    if key == "latest_offset" {
                        let latest = try reader.readInt64()
                        offset = -1..<Record.numberBound ~= latest ? latest : nil
                    } else if key == "log_id", try reader.peek() == .string {
                        id = try reader.readText()
                    } else if key == "log_epoch", try reader.peek() == .string {
                        epoch = try reader.readText()
                    } else {
                        _ = try reader.skipValue()
                    }
                }
                return offset.map { LogPosition(offset: $0, tag: LogTag(id: id?.raw, epoch: epoch?.raw)) }
            }
        }
        return try? found.get()
    }
}
