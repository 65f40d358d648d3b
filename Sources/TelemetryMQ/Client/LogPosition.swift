import TelemetryBase

/// A message's position, with the log that it belongs to.
///
/// A consumer that stores its own positions keeps this with its results, for example as text, and subscribes with
/// ``MQClient/StartPosition/after(_:)``. The subscription then continues with the message after it, or detects that the
/// server has another log (a new log in memory, a restored backup, a tail lost in a power loss).
///
/// As text: `17@0f…2c/9b…01`, the offset, the id of the log (32 hexadecimal digits) and its epoch (16); or `17` alone.
public struct LogPosition: Sendable, Hashable, LosslessStringConvertible {
    /// The message's offset in the log, from 0.
    public let offset: Int64
    let tag: LogTag

    init(offset: Int64, tag: LogTag) {
        self.offset = offset
        self.tag = tag
    }

    /// - Parameters:
    ///   - offset: The message's offset in the log, 0 or more; -1 for the position before the first message.
    ///   - log: The value that ``log`` returned for it; `nil` if it is not known.
    ///
    /// Returns `nil` if the offset is less than -1 or the log does not have that form.
    public init?(offset: Int64, log: String?) {
        guard offset >= -1 else { return nil }
        guard let log else {
            self.init(offset: offset, tag: .unknown)
            return
        }
        guard let tag = LogTag(log) else { return nil }
        self.init(offset: offset, tag: tag)
    }

    /// Parses the text that ``description`` returns; `nil` if it has another form.
    public init?(_ description: String) {
        let parts = description.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let offset = Int64(parts[0]) else { return nil }
        self.init(offset: offset, log: parts.count == 2 ? String(parts[1]) : nil)
    }

    /// The log and its epoch: `0f…2c/9b…01`. `nil` if the server did not report them, as older servers do not.
    public var log: String? { tag.isKnown ? tag.description : nil }

    /// The id of the log: 32 hexadecimal digits. `nil` if the server did not report it.
    public var logID: String? { tag.id }

    /// The number of messages in this log after another position, up to this one: all of them if the position is of
    /// another log, or `nil`. At least 0.
    public func messages(after other: LogPosition?) -> Int64 {
        var after: Int64 = -1
        if let other, !other.tag.isKnown || !tag.isKnown || other.tag.isSameLog(as: tag) { after = other.offset }
        let (count, overflow) = offset.subtractingReportingOverflow(after)
        return overflow ? .max : max(0, count)
    }

    public var description: String { tag.isKnown ? "\(offset)@\(tag)" : "\(offset)" }
}

/// The identity of a log and of one of its epochs, in 24 bytes: each message carries it.
struct LogTag: Sendable, Hashable, CustomStringConvertible {
    /// The two halves of the id; both 0 if it is not known.
    private(set) var high: UInt64 = 0
    private(set) var low: UInt64 = 0
    /// The epoch; 0 if it is not known.
    private(set) var epochNumber: UInt64 = 0

    static let unknown = LogTag()

    private init() {}

    /// Any text other than 32 hexadecimal digits is an unknown id; other than 16, an unknown epoch.
    init(id: UnsafeRawBufferPointer?, epoch: UnsafeRawBufferPointer?) {
        guard let id, id.count == 32, let high = Self.number(id[..<16]), let low = Self.number(id[16...]) else {
            return
        }
        (self.high, self.low) = (high, low)
        if let epoch, epoch.count == 16, let number = Self.number(epoch[...]) { epochNumber = number }
    }

    /// Parses `ID` or `ID/EPOCH`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let (id, epoch) = (Array(parts[0].utf8), parts.count == 2 ? Array(parts[1].utf8) : nil)
        self.init()
        id.withUnsafeBytes { id in
            if let epoch {
                epoch.withUnsafeBytes { self = LogTag(id: id, epoch: $0) }
            } else {
                self = LogTag(id: id, epoch: nil)
            }
        }
        guard isKnown, epoch == nil || epochNumber != 0 else { return nil }
    }

    var isKnown: Bool { high | low != 0 }
    var id: String? { isKnown ? Self.digits(high) + Self.digits(low) : nil }
    var epoch: String? { isKnown && epochNumber != 0 ? Self.digits(epochNumber) : nil }

    func isSameLog(as other: LogTag) -> Bool { high == other.high && low == other.low }

    var description: String { (id ?? "unknown") + (epoch.map { "/" + $0 } ?? "") }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var number: UInt64 = 0
        for byte in digits {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            number = number << 4 | UInt64(value)
        }
        return number
    }
}

extension JSONWriter where Sink: ~Copyable {
    /// The members `log_id` and `log_epoch` of a request; nothing if the log is not known.
    mutating func append(_ tag: LogTag) {
        guard let id = tag.id else { return }
        member("log_id", id)
        if let epoch = tag.epoch { member("log_epoch", epoch) }
    }
}
