import TelemetryNet

extension MQClient {
    /// The offset of the newest message that the server holds; -1 for a log without any.
    public func newestOffset() async throws(MQError) -> Int64 {
        guard let offset = Self.newestOffset(in: try await statistics()) else {
            throw MQError(.protocolViolation, "\(peer): statistics without a latest_offset")
        }
        return offset
    }

    /// The same of statistics that were asked for before; `nil` where they do not tell it.
    package static func newestOffset(in statistics: [UInt8]) -> Int64? {
        let found = statistics.withUnsafeBytes { bytes in
            Result { () throws(JSONError) -> Int64? in
                var reader = JSONReader(bytes)
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    if key == "latest_offset" {
                        let offset = try reader.readInt64()
                        return -1..<Record.numberBound ~= offset ? offset : nil
                    }
                    _ = try reader.skipValue()
                }
                return nil
            }
        }
        return try? found.get()
    }
}
