import TelemetryBase
import TelemetryKit

/// ``PrometheusTextReader`` yields the samples, families and errors that a naive reader yields: in chunks of any size, at once and from a
/// reader that has read the text before, and skipping bad lines or meeting each of them.
enum PrometheusTarget {
    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        let chunk = input.oneOf([1 << 16, 1024, 64, 17, 8, 3, 2, 1])
        var configuration = PrometheusTextReader.Configuration()
        configuration.maxLineBytes = input.oneOf([1 << 20, 100, 30, 5])
        configuration.chunkSize = chunk
        let text = Array(input.rest)
        let naive = NaivePrometheus(text, maxLineBytes: configuration.maxLineBytes)

        var chunked = PrometheusTextReader(name: "m", configuration: configuration, source: chunks(text, of: chunk))
        if let failure = difference(Reading(&chunked), naive) { return "in chunks of \(chunk): \(failure)" }
        if let failure = difference(chunked, naive.families) { return "in chunks of \(chunk): \(failure)" }
        var whole = PrometheusTextReader(bytes: text, name: "m", configuration: configuration)
        let first = Reading(&whole)
        if let failure = difference(first, naive) { return "at once: \(failure)" }
        whole.open(bytes: text)
        let again = Reading(&whole)
        if again.events != first.events || again.errors != first.errors || again.series != first.series {
            return "the second time: \(difference(again, naive) ?? "series or messages differ")"
        }
        if let failure = difference(whole, naive.families) { return "the second time: \(failure)" }

        configuration.badLines = .skip
        var skipping = PrometheusTextReader(name: "m", configuration: configuration, source: chunks(text, of: chunk))
        let skipped = Reading(&skipping)
        if !skipped.errors.isEmpty { return "skipping bad lines, \(skipped.errors[0]) is thrown" }
        if skipped.events != first.events.filter({ if case .bad = $0 { false } else { true } }) {
            return "skipping bad lines, samples differ"
        }
        var expected: [String: Int] = [:]
        for error in first.errors { expected[error.kind.rawValue, default: 0] += 1 }
        if skipping.rejected.count != first.errors.count || skipping.rejected.countsByReason != expected
            || skipping.rejected.first != first.errors.prefix(BadRows.kept).map(\.description)
        {
            return "skipping bad lines, they are counted as \(skipping.rejected)"
        }
        return nil
    }

    private struct Reading {
        var events: [NaivePrometheus.Event] = []
        var errors: [PrometheusTextError] = []
        var series: [UInt32] = []

        /// Goes on behind errors.
        init(_ reader: inout PrometheusTextReader) {
            while true {
                do throws(PrometheusTextError) {
                    guard let sample = try reader.next() else { return }
                    let of = reader.series[Int(sample.series)]
                    series.append(sample.series)
                    events.append(
                        .sample(
                            name: Array(of.name.utf8), labels: of.labels, value: sample.value.bitPattern,
                            timestamp: sample.timestamp,
                            line: reader.line))
                } catch {
                    errors.append(error)
                    events.append(.bad(error.kind, line: error.line))
                }
            }
        }
    }

    private static func difference(_ reading: Reading, _ naive: NaivePrometheus) -> String? {
        for (i, (found, expected)) in zip(reading.events, naive.events).enumerated() where !same(found, expected) {
            return "event \(i) is \(found), not \(expected)"
        }
        return reading.events.count == naive.events.count
            ? nil : "\(reading.events.count) events, not \(naive.events.count)"
    }

    private static func same(_ a: NaivePrometheus.Event, _ b: NaivePrometheus.Event) -> Bool {
        if case .sample(_, let labels, _, _, _) = a, case .sample(_, let others, _, _, _) = b,
            !labels.hasBytes(of: others)
        {
            return false
        }
        return a == b
    }

    private static func difference(
        _ reader: borrowing PrometheusTextReader, _ families: [[UInt8]: NaivePrometheus.Family]
    ) -> String? {
        for (name, family) in families {
            let found = reader.family(named: String(decoding: name, as: UTF8.self))
            guard let found, found.help.map({ Array($0.utf8) }) == family.help,
                found.type.rawValue == family.type ?? "untyped"
            else {
                return "the family \(quoted(name)) is \(found.map { "\($0)" } ?? "none"), not \(family)"
            }
        }
        for series in reader.series where families[Array(series.name.utf8)] == nil {
            if let found = reader.family(named: series.name) {
                return "\(found) is a family that the text does not describe"
            }
        }
        return nil
    }
}
