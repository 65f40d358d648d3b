import TelemetryNet

extension MQClient {
    /// The offset of the newest message that the server holds; -1 for a log without any.
    public func newestOffset() async throws(MQError) -> Int64 {
        let json = try await statistics()
        let found = json.withUnsafeBytes { bytes in
            Result { () throws(JSONError) -> Int64? in
                var reader = JSONReader(bytes)
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    if key == "latest_offset" { return try reader.readInt64() }
                    _ = try reader.skipValue()
                }
                return nil
            }
        }
        guard case .success(let offset?) = found else { throw MQError(.protocolViolation, "\(peer): statistics without a latest_offset") }
        return offset
    }
}
