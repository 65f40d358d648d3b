import TelemetryNet

/// How the values of one metric are judged: is it one, and can it be true?
///
/// A blank value of DCGM is one of the metric's own kind of number: 2147483632 is a blank temperature, and a sound count of bytes.
/// DCGM holds samples as 64-bit integers or as Doubles; blanks of 32-bit integers come of the structures that some fields are filled from.
public struct ValueRule: Sendable {
    /// What a value is.
    public enum Verdict: Sendable, Hashable {
        /// A value that a sound device can report, or any value of a metric without a range.
        case sound
        /// It is delivered all the same.
        case outOfRange
        /// It says that there is no value, and why. It makes no sample.
        case noValue(NoValueReason)
    }

    /// `nil` for a metric that the catalogue does not know.
    public let field: DCGMField?
    /// Values in it are sound; of the others ``judge(_:text:)`` tells what they are.
    package let sound: SoundRange

    /// Looks the metric up by any of its names; make a rule once a series.
    public init(metricName: String) { self.init(DCGMCatalogue.field(named: metricName)) }

    /// The rule of a field; `nil`: of a metric that the catalogue does not know.
    public init(_ field: DCGMField?) {
        self.field = field
        guard let field, field.valueType != .text else {
            // What is not known has no range; where it has blanks, they are up here.
            sound = SoundRange(low: -.greatestFiniteMagnitude, high: NoValueReason.Blank.int32.nextDown)
            return
        }
        let firstBlank = field.valueType == .double ? NoValueReason.Blank.double : Double(NoValueReason.Blank.int64)
        sound = SoundRange(low: field.validRange.lowerBound, high: min(field.validRange.upperBound, firstBlank.nextDown))
    }

    /// Whether the value needs no closer look.
    @inline(__always)
    package func isSound(_ value: Double) -> Bool { sound.contains(value) }

    /// `text` is what the value was read from: a Double does not tell the blank values of 64-bit integers apart.
    public func judge(_ value: Double, text: UnsafeRawBufferPointer) -> Verdict {
        if isSound(value) { return .sound }
        guard value.isFinite else { return .noValue(.notFinite) }
        if let reason = blank(value, text) { return .noValue(reason) }
        guard let field else { return .sound }
        return field.validRange.contains(value) ? .sound : .outOfRange
    }

    private func blank(_ value: Double, _ text: UnsafeRawBufferPointer) -> NoValueReason? {
        guard let field, field.valueType != .text else {
            // A sound value there is rarer still than the four that DCGM gives a meaning.
            return NoValueReason.blankInt64(value, text) ?? NoValueReason.otherBlank(value, within: 4)
        }
        if field.valueType == .double, value >= NoValueReason.Blank.double {
            // A field that is a Double today may have been an integer, so that its blank is one.
            return NoValueReason.blankInt64(value, text) ?? NoValueReason.Blank.reason(code: value - NoValueReason.Blank.double)
        }
        if value >= Double(NoValueReason.Blank.int64) {
            // Above is no integer that DCGM has.
            return value > Double(NoValueReason.Blank.int64) ? .blank : NoValueReason.blankInt64(value, text)
        }
        return field.validRange.contains(value) ? nil : NoValueReason.otherBlank(value, within: NoValueReason.Blank.count)
    }
}

/// Two numbers instead of a rule, where there is a value for every row.
package struct SoundRange: Sendable {
    let low: Double
    let high: Double

    /// Not for NaN.
    @inline(__always)
    package func contains(_ value: Double) -> Bool { value >= low && value <= high }
}

extension NoValueReason {
    /// `nil` for a value that is none of the sixteen blank 64-bit integers. All of them, and 512 integers below, are one Double.
    fileprivate static func blankInt64(_ value: Double, _ text: UnsafeRawBufferPointer) -> NoValueReason? {
        guard value == Double(Blank.int64) else { return nil }
        // Written with an exponent or rounded on its way it does not say which.
        guard let exact = parseDecimal(text) else { return .blank }
        return exact < Blank.int64 ? nil : Blank.reason(code: Double(exact - Blank.int64))
    }

    /// Blank values of kinds that are not the field's own, as far as they are `within` the first.
    fileprivate static func otherBlank(_ value: Double, within: Double) -> NoValueReason? {
        for first in [Blank.int32, Blank.double] where value >= first && value < first + within && value == value.rounded() {
            return Blank.reason(code: value - first)
        }
        return nil
    }
}
