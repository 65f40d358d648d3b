import TelemetryBase
import TelemetryKit

/// Labels are read as a naive reader reads them, refused at the same byte, and come back from their own text.
enum LabelsTarget {
    static func failure(_ input: [UInt8]) -> String? {
        let expected = NaiveLabels.read(input)
        do throws(LabelError) {
            let labels = try parse(input)
            guard let naive = expected.labels else {
                return "\(labels) were read where byte \(expected.offset) is wrong"
            }
            let asRead = naive.map {
                MetricLabel(
                    name: String(decoding: $0.name, as: UTF8.self), value: String(decoding: $0.value, as: UTF8.self))
            }
            guard labels.hasBytes(of: asRead) else { return "\(labels), not \(asRead)" }
            let again = try parse(text(of: naive))
            return again.hasBytes(of: labels) ? nil : "\(labels) come back as \(again)"
        } catch {
            if expected.labels != nil { return "what is well is refused: \(error)" }
            return error.offset == expected.offset ? nil : "\(error), where byte \(expected.offset) is wrong"
        }
    }

    private static func parse(_ text: [UInt8]) throws(LabelError) -> [MetricLabel] {
        let result = text.withUnsafeBytes { bytes in
            Result { () throws(LabelError) in try MetricLabel.parse(prometheus: bytes) }
        }
        return try result.get()
    }

    private static func text(of labels: [NaiveLabels.Label]) -> [UInt8] {
        var text: [UInt8] = []
        for label in labels {
            text += label.name + Array("=\"".utf8)
            for byte in label.value {
                switch byte {
                case UInt8(ascii: "\n"): text += Array("\\n".utf8)
                case UInt8(ascii: "\\"), UInt8(ascii: "\""): text += [UInt8(ascii: "\\"), byte]
                default: text.append(byte)
                }
            }
            text += Array("\",".utf8)
        }
        return text
    }
}
