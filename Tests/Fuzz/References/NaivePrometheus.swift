import TelemetryKit

/// The Prometheus text format read by splitting the text into lines and the lines into words.
struct NaivePrometheus {
    enum Event: Equatable {
        case sample(name: [UInt8], labels: [MetricLabel], value: UInt64, timestamp: Int64?, line: Int)
        case bad(PrometheusTextError.Kind, line: Int)
    }

    struct Family: Equatable {
        var help: [UInt8]?
        var type: String?
    }

    private struct Bad: Error {
        var kind: PrometheusTextError.Kind
    }

    private(set) var events: [Event] = []
    private(set) var families: [[UInt8]: Family] = [:]
    private var sampled: Set<[UInt8]> = []

    private static let types: Set<String> = [
        "counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram",
    ]

    init(_ text: [UInt8], maxLineBytes: Int) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (i, line) in lines.enumerated() {
            do throws(Bad) {
                if line.count > maxLineBytes { throw Bad(kind: .lineTooLong) }
                let first = line.first { !isBlank($0) }
                if i == lines.count - 1 {
                    if let first, first != UInt8(ascii: "#") { throw Bad(kind: .lineNotEnded) }
                } else if first == UInt8(ascii: "#") {
                    try readComment(Array(line.drop(while: isBlank).dropFirst()))
                } else if first != nil {
                    events.append(try sample(Array(line.drop(while: isBlank)), i + 1))
                }
            } catch {
                events.append(.bad(error.kind, line: i + 1))
            }
        }
    }

    private mutating func readComment(_ text: [UInt8]) throws(Bad) {
        var rest = text.drop(while: isBlank)
        let keyword = String(decoding: rest.prefix { !isBlank($0) }, as: UTF8.self)
        guard keyword == "HELP" || keyword == "TYPE" else { return }
        rest = rest.dropFirst(4).drop(while: isBlank)
        if rest.isEmpty { throw Bad(kind: .metadata) }
        let name = try name(&rest)
        if let next = rest.first, !isBlank(next) { throw Bad(kind: .metadata) }
        rest = rest.drop(while: isBlank)
        var family = families[name] ?? Family()
        if keyword == "HELP" {
            if family.help != nil { throw Bad(kind: .repeatedMetadata) }
            family.help = try help(Array(rest))
        } else {
            if family.type != nil { throw Bad(kind: .repeatedMetadata) }
            let words = rest.split(whereSeparator: isBlank)
            guard words.count == 1 else { throw Bad(kind: .metadata) }
            family.type = String(decoding: words[0], as: UTF8.self)
            guard NaivePrometheus.types.contains(family.type!) else { throw Bad(kind: .metadata) }
            if sampled.contains(name) { throw Bad(kind: .typeAfterSamples) }
        }
        families[name] = family
    }

    private func help(_ text: [UInt8]) throws(Bad) -> [UInt8] {
        var help: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                help.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\\"): help.append(byte)
            case UInt8(ascii: "n"): help.append(UInt8(ascii: "\n"))
            default: throw Bad(kind: .metadata)
            }
        }
        guard String(validating: help, as: UTF8.self) != nil else { throw Bad(kind: .invalidUTF8) }
        return help
    }

    private mutating func sample(_ text: [UInt8], _ line: Int) throws(Bad) -> Event {
        var rest = text[...]
        let name = try name(&rest)
        let next = rest.first
        rest = rest.drop(while: isBlank)
        var labels: [UInt8] = []
        if rest.first == UInt8(ascii: "{") {
            labels = try labelText(&rest)
        } else if let next, !isBlank(next) {
            throw Bad(kind: .metricName)
        }
        let words = rest.split(whereSeparator: isBlank).map { Array($0) }
        guard let first = words.first else { throw Bad(kind: .missingValue) }
        guard let value = NaiveNumbers.prometheus(first) else { throw Bad(kind: .value) }
        var timestamp: Int64?
        if words.count > 1 {
            if words[1].first == UInt8(ascii: "#") { throw Bad(kind: .exemplar) }
            timestamp = NaiveNumbers.integer(words[1])
            if timestamp == nil { throw Bad(kind: .timestamp) }
        }
        if words.count > 2 { throw Bad(kind: words[2].first == UInt8(ascii: "#") ? .exemplar : .trailingText) }
        guard let read = NaiveLabels.read(labels).labels, !read.contains(where: { $0.name == Array("__name__".utf8) })
        else { throw Bad(kind: .labels) }
        sampled.insert(name)
        let asTexts = read.map {
            MetricLabel(
                name: String(decoding: $0.name, as: UTF8.self), value: String(decoding: $0.value, as: UTF8.self))
        }
        return .sample(name: name, labels: asTexts, value: value.bitPattern, timestamp: timestamp, line: line)
    }

    private func name(_ rest: inout ArraySlice<UInt8>) throws(Bad) -> [UInt8] {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:"
        guard let first = rest.first, letters.utf8.contains(first) else {
            let inner = rest.first == UInt8(ascii: "{") ? rest.dropFirst().drop(while: isBlank) : rest
            throw Bad(kind: inner.first == UInt8(ascii: "\"") ? .quotedName : .metricName)
        }
        let name = Array(rest.prefix { (letters + "0123456789").utf8.contains($0) })
        rest = rest.dropFirst(name.count)
        return name
    }

    /// What is between the braces, the last of which is the first outside quotes.
    private func labelText(_ rest: inout ArraySlice<UInt8>) throws(Bad) -> [UInt8] {
        rest = rest.dropFirst()
        var labels: [UInt8] = []
        var isQuoted = false
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "}"), !isQuoted { return labels }
            labels.append(byte)
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: "\\"), isQuoted, let escaped = rest.popFirst() { labels.append(escaped) }
        }
        throw Bad(kind: .labels)
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
