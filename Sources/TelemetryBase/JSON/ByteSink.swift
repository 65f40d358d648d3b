/// A place that bytes are appended to: a growing array (``ByteWriter``) or a connection's output (``ByteQueue``).
///
/// A ``JSONWriter`` writes into either. What is written once per message on a hot path uses the concrete types.
@usableFromInline
package protocol ByteSink: ~Copyable {
    /// Creates an empty one.
    init()

    mutating func append(_ byte: UInt8)
    mutating func append(_ raw: UnsafeRawBufferPointer)
    mutating func append(_ text: StaticString)
    mutating func appendDecimal(_ value: UInt64)
    /// Appends the text in quotes, escaped as RFC 8259 section 7 requires; everything else stays as it is.
    mutating func appendJSONString(_ text: String)
    /// Appends the shortest text that reads back as the same value, which must be finite.
    mutating func appendDouble(_ value: Double)
}

extension ByteWriter: ByteSink {
    @usableFromInline
    package init() { self.init(capacity: 0) }
}

extension ByteQueue: ByteSink {
    @usableFromInline
    package mutating func append(_ byte: UInt8) {
        room(1)[0] = byte
        commit(1)
    }

    @usableFromInline
    package mutating func appendJSONString(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard !needsEscape(utf8) else { return appendEscaped(utf8) }
            append(UInt8(ascii: "\""))
            append(UnsafeRawBufferPointer(utf8))
            append(UInt8(ascii: "\""))
        }
    }

    /// Copied once more: no frame that is sent often has a decimal fraction.
    @usableFromInline
    package mutating func appendDouble(_ value: Double) {
        var digits = ByteWriter(capacity: 24)
        digits.appendDouble(value)
        append(digits.bytes)
    }
}

extension ByteSink where Self: ~Copyable {
    /// Appends the text in quotes, with escapes.
    mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        var start = 0
        for i in 0..<utf8.count where mustEscape(utf8[i]) {
            append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: utf8[start..<i])))
            appendEscape(of: utf8[i])
            start = i + 1
        }
        append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: utf8[start...])))
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x08: append("\\b")
        case 0x09: append("\\t")
        case 0x0A: append("\\n")
        case 0x0C: append("\\f")
        case 0x0D: append("\\r")
        default:
            append("\\u00")
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 15))
        }
    }
}

func mustEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

/// Without a branch for each byte, so that the compiler can look at many at once.
func needsEscape(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
    var found: UInt8 = 0
    for byte in utf8 { found |= mustEscape(byte) ? 1 : 0 }
    return found != 0
}
