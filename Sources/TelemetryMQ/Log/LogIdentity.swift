import Glibc
import TelemetryBase
import TelemetryMQProtocol

/// Identifies the log, and the epoch in which a message was read.
///
/// `id` is random, created with the log, and never changes. An epoch begins each time a server opens the log; its
/// `firstOffset` is the end of the log at that time. An offset that was read in an epoch therefore identifies the same
/// message as long as it is before the first offset of every later epoch: after a power loss that took the log's tail,
/// or after a backup was restored, it is not, or the epoch is unknown.
package struct LogIdentity: Sendable, Equatable {
    struct Epoch: Sendable, Equatable {
        var id: UInt64
        var firstOffset: Int64
    }

    /// The maximum number of epochs; the oldest are dropped, and positions read in them count as those of another log.
    static let maxEpochs = 1024
    package static let idBytes = 32
    static let epochBytes = 16

    /// 32 lowercase hexadecimal digits.
    package let id: [UInt8]
    /// Not empty once the log is open; first offsets do not decrease.
    private(set) var epochs: [Epoch]

    init(id: [UInt8], epochs: [Epoch]) {
        self.id = id
        self.epochs = epochs
    }

    /// Creates the identity of a new log: no epoch has begun.
    static func random() -> LogIdentity {
        LogIdentity(id: Hex.digits(.random(in: .min ... .max)) + Hex.digits(.random(in: .min ... .max)), epochs: [])
    }

    package var idText: String { String(decoding: id, as: UTF8.self) }
    package var epoch: [UInt8] { Hex.digits(epochs.last?.id ?? 0) }
    var epochText: String { String(decoding: epoch, as: UTF8.self) }

    /// Begins an epoch on a log that ends before message `nextOffset`. Returns the number of messages beyond that end
    /// that earlier epochs are known to have had; the log has lost them.
    @discardableResult
    mutating func begin(_ epoch: UInt64 = .random(in: .min ... .max), nextOffset: Int64) -> Int64 {
        let lost = max(0, (epochs.last?.firstOffset ?? 0) - nextOffset)
        for index in epochs.indices where epochs[index].firstOffset > nextOffset {
            epochs[index].firstOffset = nextOffset
        }
        epochs.append(Epoch(id: epoch, firstOffset: nextOffset))
        if epochs.count > Self.maxEpochs { epochs.removeFirst(epochs.count - Self.maxEpochs) }
        return lost
    }

    // MARK: Judging what a client or a stored position names

    /// How the log that a request names relates to this one.
    package enum Standing: Equatable {
        case same
        case other
        /// This log, but it lost the messages from `end` on that it had in the named epoch.
        case lostTail(end: Int64)
    }

    /// `logID`, `epoch`: as named in the request, otherwise `nil`. `nextOffset`: the offset after the last message that
    /// was read in the epoch; `nil` if the request has none.
    package func standing(logID: JSONText?, epoch: JSONText?, nextOffset: Int64?) -> Standing {
        if let logID, !logID.equals(id) { return .other }
        guard let epoch else { return .same }
        guard let number = Hex.number(epoch.resolvedBytes) else { return .other }
        return standing(epoch: number, nextOffset: nextOffset)
    }

    func standing(epoch: UInt64, nextOffset: Int64?) -> Standing {
        guard let index = epochs.lastIndex(where: { $0.id == epoch }) else { return .other }
        guard index + 1 < epochs.count, let nextOffset else { return .same }
        let end = epochs[index + 1].firstOffset
        return nextOffset > end ? .lostTail(end: end) : .same
    }
}

extension LogIdentity {
    /// The identity file in a log's directory, one JSON object:
    ///
    ///     {"format":"identity/1","log_id":"…","epochs":[["0123456789abcdef",0],…],"crc32c":"9a8b7c6d"}
    var json: [UInt8] {
        var out = ByteWriter(capacity: 128 + epochs.count * 40)
        out.appendChecked {
            $0.member("format", "identity/1")
            $0.member("log_id", plainText: id)
            $0.array("epochs", of: epochs) { json, epoch in
                json.array {
                    $0.value(String(decoding: Hex.digits(epoch.id), as: UTF8.self))
                    $0.value(epoch.firstOffset)
                }
            }
        }
        return out.bytes
    }

    /// `nil` if the bytes are not an identity, or a damaged one.
    init?(json: [UInt8]) {
        let parsed: LogIdentity? = json.withUnsafeBytes { bytes in
            guard Checksum.damage(bytes) == nil else { return nil }
            return try? Self.read(bytes)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> LogIdentity? {
        var id: [UInt8] = []
        var epochs: [Epoch] = []
        var hasFormat = false
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "format" {
                hasFormat = try reader.readText() == "identity/1"
            } else if key == "log_id" {
                id = try reader.readText().resolvedBytes
            } else if key == "epochs" {
                try reader.beginArray()
                while try reader.nextElement() {
                    guard let epoch = try readEpoch(&reader), epoch.firstOffset >= epochs.last?.firstOffset ?? 0 else {
                        return nil
                    }
                    epochs.append(epoch)
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        guard hasFormat, id.count == idBytes, id.allSatisfy(Hex.isDigit), epochs.count <= maxEpochs else { return nil }
        return LogIdentity(id: id, epochs: epochs)
    }

    private static func readEpoch(_ reader: inout JSONReader) throws(JSONError) -> Epoch? {
        try reader.beginArray()
        guard try reader.nextElement(), let id = Hex.number(try reader.readText().resolvedBytes),
            try reader.nextElement()
        else { return nil }
        let first = try reader.readInt64()
        guard try !reader.nextElement() else { return nil }
        return Epoch(id: id, firstOffset: first)
    }
}
