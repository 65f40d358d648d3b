import TelemetryBase

/// The JSON format of a batch. Every reader accepts both.
public enum BatchFormat: String, Sendable, Hashable, CaseIterable {
    /// An array of metrics with all their members: large, and readable without this library.
    case plain
    /// Tables of GPUs, metrics and labels once per batch, and samples in columns: `columnar/1`.
    case columnar
}

/// The reason why a batch cannot be written, or bytes are not a batch.
public struct BatchError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The byte of the text at which the error was found, if there is one.
    public var offset: Int?
    /// A description of what was found, and what was expected.
    public var reason: String

    /// Creates an error; `offset` is a 0-based byte of the text, `nil` if there is no position.
    public init(offset: Int? = nil, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    init(_ error: JSONError, from start: Int = 0) {
        self.init(offset: start + error.offset, reason: error.reason)
    }

    public var description: String {
        if let offset {
            "not a batch of metrics: \(reason) (at byte \(offset))"
        } else {
            "not a batch of metrics: \(reason)"
        }
    }
}

/// Writes and reads batches as JSON. Both formats are lossless: times to the nanosecond, every finite Double, labels in
/// their order. Docs/BatchFormat.md specifies them.
///
/// A codec remembers the series it has met, so that a batch of known series costs little more than its samples, and
/// equal series of all the batches it reads are one object. Keep one codec per stream of batches; it has one owner at a
/// time.
public struct BatchCodec: Sendable {
    /// The format that ``encode(_:)`` writes.
    public var format: BatchFormat

    private var encoder = ColumnarEncoder()
    private var columnarDecoder = ColumnarDecoder()
    private var plainDecoder = PlainDecoder()

    /// Creates a codec that writes `format`; it reads both.
    public init(format: BatchFormat = .columnar) {
        self.format = format
    }

    /// Encodes a batch. Throws if a value is not finite, because JSON cannot represent it.
    public mutating func encode(_ batch: MetricBatch) throws(BatchError) -> [UInt8] {
        if let index = batch.values.firstIndex(where: { !$0.isFinite }) {
            throw BatchError(reason: "the value \(batch.values[index]) of sample \(index) is not finite")
        }
        switch format {
        case .plain: return PlainEncoder.encode(batch)
        case .columnar: return encoder.encode(batch)
        }
    }

    /// Decodes a batch in either format.
    public mutating func decode(_ json: [UInt8]) throws(BatchError) -> MetricBatch {
        let result = json.withUnsafeBytes { bytes in
            Result { () throws(BatchError) in try decode(bytes) }
        }
        return try result.get()
    }

    /// Decodes a batch in either format. The bytes are not needed afterwards.
    public mutating func decode(_ json: UnsafeRawBufferPointer) throws(BatchError) -> MetricBatch {
        let members = try JSONMembers(json, 0..<json.count, of: "the batch", wholeText: true)
        guard let format = try members.optionalString("format") else { return try plainDecoder.decode(members) }
        guard format == ColumnarEncoder.formatName else {
            throw BatchError(
                reason:
                    "the format \"\(format)\" is not supported; the supported format is \(ColumnarEncoder.formatName)")
        }
        return try columnarDecoder.decode(members)
    }
}

extension MetricBatch {
    /// Decodes a batch in either format. For a stream of batches a ``BatchCodec`` is faster.
    public static func decode(json: [UInt8]) throws(BatchError) -> MetricBatch {
        var codec = BatchCodec()
        return try codec.decode(json)
    }

    /// Returns the batch as JSON.
    public func encoded(as format: BatchFormat = .columnar) throws(BatchError) -> [UInt8] {
        var codec = BatchCodec(format: format)
        return try codec.encode(self)
    }
}
