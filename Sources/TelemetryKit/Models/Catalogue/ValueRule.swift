import TelemetryBase

/// The evaluation of one metric's values: whether it is a value, and whether it is plausible.
///
/// A blank value of DCGM depends on the metric's own type: 2147483632 is a blank temperature, and a valid count of
/// bytes. DCGM stores samples as 64-bit integers or as Doubles; blanks of 32-bit integers come from the structures from
/// which some fields are filled.
public struct ValueRule: Sendable {
    /// The result of evaluating a value.
    public enum Verdict: Sendable, Hashable {
        /// A value that a working device can report, or any value of a metric without a range.
        case sound
        /// Out of range. It is delivered anyway.
        case outOfRange
        /// A missing value, with the reason. It yields no sample.
        case noValue(NoValueReason)
    }

    /// The field; `nil` for a metric that the catalogue does not contain.
    public let field: DCGMField?
    /// Values in this range are valid; ``judge(_:text:)`` classifies the others.
    package let sound: SoundRange

    /// Looks the metric up by any of its names; create a rule once per series.
    public init(metricName: String) { self.init(DCGMCatalogue.field(named: metricName)) }

    /// Creates the rule of a field; `nil` for a metric that the catalogue does not contain.
    public init(_ field: DCGMField?) {
        self.field = field
        guard let field, field.valueType != .text else {
            // An unknown metric has no range; if it has blanks, they are up here.
            sound = SoundRange(low: -.greatestFiniteMagnitude, high: NoValueReason.Blank.int32.nextDown)
            return
        }
        let firstBlank = field.valueType == .double ? NoValueReason.Blank.double : Double(NoValueReason.Blank.int64)
        sound = SoundRange(
            low: field.validRange.lowerBound, high: min(field.validRange.upperBound, firstBlank.nextDown))
    }

    /// Whether the value requires no further checks.
    @inline(__always)
    package func isSound(_ value: Double) -> Bool { sound.contains(value) }

    /// `text` is the text that the value was parsed from: a Double cannot distinguish the blank values of 64-bit
    /// integers.
    public func judge(_ value: Double, text: UnsafeRawBufferPointer) -> Verdict {
        if isSound(value) { return .sound }
        guard value.isFinite else { return .noValue(.notFinite) }
        if let reason = blank(value, text) { return .noValue(reason) }
        guard let field else { return .sound }
        return field.validRange.contains(value) ? .sound : .outOfRange
    }

    private func blank(_ value: Double, _ text: UnsafeRawBufferPointer) -> NoValueReason? {
        guard let field, field.valueType != .text else {
            // A valid value there is even less likely than the four that DCGM defines.
            return NoValueReason.blankInt64(value, text) ?? NoValueReason.otherBlank(value, within: 4)
        }
        if field.valueType == .double, value >= NoValueReason.Blank.double {
            // A field that is a Double today may have been an integer, with an integer's blank value.
            return NoValueReason.blankInt64(value, text)
                ?? NoValueReason.Blank.reason(code: value - NoValueReason.Blank.double)
        }
        if value >= Double(NoValueReason.Blank.int64) {
            // DCGM has no larger integers.
            return value > Double(NoValueReason.Blank.int64) ? .blank : NoValueReason.blankInt64(value, text)
        }
        return field.validRange.contains(value)
            ? nil : NoValueReason.otherBlank(value, within: NoValueReason.Blank.count)
    }
}

/// Two numbers instead of a rule, for use with a value per row.
package struct SoundRange: Sendable {
    let low: Double
    let high: Double

    /// Not for NaN.
    @inline(__always)
    package func contains(_ value: Double) -> Bool { value >= low && value <= high }
}

extension NoValueReason {
    /// `nil` for a value that is not one of the sixteen blank 64-bit integers. All of them, and 512 integers below, are
    /// one Double.
    fileprivate static func blankInt64(_ value: Double, _ text: UnsafeRawBufferPointer) -> NoValueReason? {
        guard value == Double(Blank.int64) else { return nil }
        // If it was written with an exponent or rounded, it does not show which one it is.
        guard let exact = parseDecimal(text) else { return .blank }
        return exact < Blank.int64 ? nil : Blank.reason(code: Double(exact - Blank.int64))
    }

    /// Blank values of types other than the field's own, up to `within` from the first.
    fileprivate static func otherBlank(_ value: Double, within: Double) -> NoValueReason? {
        for first in [Blank.int32, Blank.double]
        where value >= first && value < first + within && value == value.rounded() {
            return Blank.reason(code: value - first)
        }
        return nil
    }
}
