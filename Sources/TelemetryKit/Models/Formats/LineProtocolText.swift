import TelemetryBase

/// The one-to-one mapping between any text and the names and tags that the line protocol can represent.
///
/// The line protocol cannot represent a line feed in a measurement or tag, a backslash at their end, or an empty tag
/// value. Bytes below 0x20, 0x7F, `%` itself, a backslash before a character that has an escape or at the end, and `#`
/// at the start are therefore written as `%` and two hex digits, and an empty text as a single `%`. Everything else is
/// stored unchanged, and ``decoded(_:)`` returns the original text.
package enum LineProtocolText {
    package static func encoded(_ text: String) -> String {
        if text.isEmpty { return "%" }
        guard needsEncoding(text) else { return text }
        let utf8 = Array(text.utf8)
        var out: [UInt8] = []
        for (i, byte) in utf8.enumerated() {
            if isPlain(byte, next: i + 1 < utf8.count ? utf8[i + 1] : nil, isFirst: i == 0) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(hexDigit(byte >> 4))
                out.append(hexDigit(byte & 15))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// An empty tag value is stored as a missing tag.
    package static func encodedTag(_ text: String) -> String { text.isEmpty ? "" : encoded(text) }

    private static func needsEncoding(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "#")
            || text.utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") }
    }

    private static func isPlain(_ byte: UInt8, next: UInt8?, isFirst: Bool) -> Bool {
        switch byte {
        case 0..<0x20, 0x7F, UInt8(ascii: "%"): false
        case UInt8(ascii: "#"): !isFirst
        case UInt8(ascii: "\\"):
            switch next {
            case nil, UInt8(ascii: ","), UInt8(ascii: "="), UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "\\"):
                false
            // The escape that this function writes for the next character would begin with a percent sign.
            default: true
            }
        default: true
        }
    }

    package static func decoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        if text == "%" { return "" }
        let utf8 = Array(text.utf8)
        var out: [UInt8] = []
        var i = 0
        while i < utf8.count {
            if utf8[i] == UInt8(ascii: "%"), i + 2 < utf8.count, let high = hexValue(utf8[i + 1]),
                let low = hexValue(utf8[i + 2])
            {
                out.append(high << 4 | low)
                i += 3
            } else {
                // Written by another program: returned unchanged.
                out.append(utf8[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

/// The fields of the wide schema: `DCGM_FI_DEV_GPU_TEMP`, and `DCGM_FI_DEV_GPU_TEMP.labels` with the labels of that
/// metric.
package enum WideField {
    package static let labelsSuffix = ".labels"
    /// What else is a name there, or is one to the database or in its answers.
    private static let taken: Set = Set(GPUMember.all.map(\.name)).union(["time", "result", "table", "error"])

    package static func name(of metric: String) -> String {
        var name = LineProtocolText.encoded(metric)
        // Flux reserves names that begin with an underscore.
        if taken.contains(name) || name.hasPrefix("_") {
            let first = name.utf8.first!
            name = "%" + String(first, radix: 16) + name.dropFirst()
        }
        return name.hasSuffix(labelsSuffix)
            ? name.dropLast(labelsSuffix.count) + "%2e" + labelsSuffix.dropFirst() : name
    }

    /// `nil` for a field that is not a metric's value.
    package static func metric(of name: String) -> String? {
        taken.contains(name) || name.hasPrefix("_") || name.hasSuffix(labelsSuffix)
            ? nil : LineProtocolText.decoded(name)
    }
}

/// The labels of a series as the text of the field `labels_raw`.
package enum StoredLabels {
    /// Prometheus syntax, `name="value",…`; if a name is outside its grammar, a JSON object.
    package static func text(_ labels: [MetricLabel]) -> String {
        guard labels.allSatisfy({ isPrometheusName($0.name) }) else {
            var writer = ByteWriter()
            writer.appendJSON(labels)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        return MetricLabel.prometheusText(labels)
    }

    private static func isPrometheusName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || byte == UInt8(ascii: "_")
        }
    }
}
