import TelemetryBase
import TelemetryHTTP

/// The input as the text of a number is taken and refused as its grammar says, and read as the nearest Double; as eight bytes it is a number
/// whose text reads back as the same.
enum NumbersTarget {
    static func failure(_ input: [UInt8]) -> String? {
        let double = input.withUnsafeBytes { parseDouble($0) }
        let expected = NaiveNumbers.double(input)
        if double?.bitPattern != expected?.bitPattern {
            return "\(quoted(input)) is \(shown(double)), not \(shown(expected))"
        }
        let decimal = input.withUnsafeBytes { parseDecimal($0) }
        if decimal != NaiveNumbers.decimal(input) {
            return "\(quoted(input)) is \(shown(decimal)), not \(shown(NaiveNumbers.decimal(input)))"
        }

        var rest = FuzzInput(input)
        let word = rest.word()
        // And with fewer digits.
        for value in [word, word >> UInt64(rest.byte() % 64)] {
            var text = ByteWriter()
            text.appendDecimal(value)
            if text.bytes != Array("\(value)".utf8) { return "\(value) is written \(quoted(text.bytes))" }
            if text.bytes.withUnsafeBytes({ parseDecimal($0) }) != value { return "\(value) does not come back" }
        }
        for value in [Double(bitPattern: word), Double(Int64(bitPattern: word) >> 20) / 1000, (double ?? 0) / 8]
        where value.isFinite {
            var text = ByteWriter()
            text.appendDouble(value)
            if let error = text.bytes.withUnsafeBytes({ JSON.validate($0) }) {
                return "\(value) is written \(quoted(text.bytes)): \(error)"
            }
            let back = text.bytes.withUnsafeBytes { parseDouble($0) }
            if back?.bitPattern != value.bitPattern {
                return "\(value) is written \(quoted(text.bytes)) and comes back as \(shown(back))"
            }
        }
        return nil
    }

    private static func shown(_ number: (some CustomStringConvertible)?) -> String {
        number?.description ?? "no number"
    }
}
