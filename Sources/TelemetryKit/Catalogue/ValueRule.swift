import TelemetryNet

/// How the values of one metric are judged: is it one, and can it be true?
///
/// A blank value of DCGM is one of the metric's own kind of number: 2147483632 is a blank temperature, and a sound count of bytes.
public struct ValueRule: Sendable {
    public enum Verdict: Sendable, Hashable {
        case sound
        /// It is delivered all the same.
        case outOfRange
        case noValue(NoValueReason)
    }

    /// `nil` for a metric that the catalogue does not know.
    public let field: DCGMField?
    /// Values in it are sound; of the others ``judge(_:text:)`` tells what they are.
    let sound: SoundRange

    public init(metricName: String) { self.init(DCGMCatalogue.field(named: metricName)) }

    public init(_ field: DCGMField?) {
        self.field = field
        guard let field else {
            // What is not known has no range; all blanks are at its upper end, or are looked for there.
            sound = SoundRange(low: -.greatestFiniteMagnitude, high: Double(NoValueReason.Blank.int32).nextDown)
            return
        }
        let firstBlank = field.valueType == .double ? NoValueReason.Blank.double : Double(NoValueReason.Blank.int64)
        sound = SoundRange(low: field.validRange.lowerBound, high: min(field.validRange.upperBound, firstBlank.nextDown))
    }

    /// Whether the value needs no closer look.
    @inline(__always)
    func isSound(_ value: Double) -> Bool { sound.contains(value) }

    /// `text` is what the value was read from: a Double does not tell the blank values of 64-bit integers apart.
    public func judge(_ value: Double, text: UnsafeRawBufferPointer) -> Verdict {
        if isSound(value) { return .sound }
        guard value.isFinite else { return .noValue(.notFinite) }
        if let reason = blank(value, text) { return .noValue(reason) }
        guard let field else { return .sound }
        return field.validRange.contains(value) ? .sound : .outOfRange
    }

    private func blank(_ value: Double, _ text: UnsafeRawBufferPointer) -> NoValueReason? {
        if value >= Double(NoValueReason.Blank.int64), field?.valueType != .double {
            let exact = parseDecimal(text) ?? NoValueReason.Blank.int64
            return NoValueReason.Blank.reason(code: exact &- NoValueReason.Blank.int64)
        }
        if field?.valueType == .double, value >= NoValueReason.Blank.double {
            return NoValueReason.Blank.reason(code: UInt64(value - NoValueReason.Blank.double))
        }
        // The blank values of the other kinds, where they cannot be a value: those of 32-bit integers reach us in 64-bit fields.
        guard let field else { return NoValueReason.exactBlank(value) }
        return field.validRange.contains(value) ? nil : NoValueReason.exactBlank(value)
    }
}

/// Two numbers instead of a rule, where there is a value for every row.
struct SoundRange: Sendable {
    let low: Double
    let high: Double

    /// Not for NaN.
    @inline(__always)
    func contains(_ value: Double) -> Bool { value >= low && value <= high }
}

extension NoValueReason {
    /// Only the four values that DCGM gives a meaning, of 32-bit integers and of Doubles.
    fileprivate static func exactBlank(_ value: Double) -> NoValueReason? {
        for first in [Double(Blank.int32), Blank.double] where value >= first && value <= first + 3 && value == value.rounded() {
            return Blank.reason(code: UInt64(value - first))
        }
        return nil
    }
}
