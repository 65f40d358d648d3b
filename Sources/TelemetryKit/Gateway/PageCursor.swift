import TelemetryBase
import TelemetryModels

/// The end of a page of samples, as an opaque text that clients send back.
///
/// base64url (RFC 4648 section 5, no padding) of the version, the order and the sample's position: `1a` or `1d`, then
/// ``SampleCursor/description``. Another version is refused, so that the format may change.
struct PageCursor: Sendable, Hashable, CustomStringConvertible {
    enum Order: String, Sendable, CaseIterable { case asc, desc }

    var order: Order
    var position: SampleCursor

    init(order: Order, position: SampleCursor) {
        self.order = order
        self.position = position
    }

    /// `nil` for a text that ``description`` does not return.
    init?(_ text: String) {
        guard let bytes = PageCursor.decoded(text), let plain = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        switch plain.prefix(2) {
        case "1a": order = .asc
        case "1d": order = .desc
        default: return nil
        }
        guard let position = SampleCursor(String(plain.dropFirst(2))) else { return nil }
        self.position = position
        guard description == text else { return nil }
    }

    var description: String {
        PageCursor.encoded(Array(((order == .asc ? "1a" : "1d") + position.description).utf8))
    }

    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func encoded(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                out.append(digits[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { out.append(digits[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: out, as: UTF8.self)
    }

    private static func decoded(_ text: String) -> [UInt8]? {
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for byte in text.utf8 {
            guard let digit = digits.firstIndex(of: byte) else { return nil }
            bits = (bits << 6 | UInt32(digit)) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return out
    }
}
