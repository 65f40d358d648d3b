import TelemetryBase
import TelemetryModels

extension PrometheusTextReader {
    /// `nil` if the line contains no sample.
    @inline(__always)
    mutating func read(_ line: UnsafeRawBufferPointer) throws(PrometheusTextError) -> PrometheusSample? {
        let start = skipBlanks(line, 0)
        if start == line.count { return nil }
        if line[start] == UInt8(ascii: "#") {
            try readComment(line, start + 1)
            return nil
        }
        return try readSample(line, start)
    }

    /// `name{labels} value timestamp`; the labels and the timestamp are optional.
    private mutating func readSample(_ line: UnsafeRawBufferPointer, _ start: Int) throws(PrometheusTextError)
        -> PrometheusSample
    {
        let nameEnd = endOfName(line, start)
        guard nameEnd > start else { throw nameError(line, start) }
        var at = skipBlanks(line, nameEnd)
        var labels = at..<at
        if at < line.count, line[at] == UInt8(ascii: "{") {
            labels = at + 1..<(try endOfLabels(line, at + 1))
            at = skipBlanks(line, labels.upperBound + 1)
        } else if at == nameEnd, at < line.count {
            throw error(.metricName, at + 1, "expected a blank or { after the name \(shown(line, start..<nameEnd))")
        }
        let valueEnd = endOfToken(line, at)
        guard valueEnd > at else { throw error(.missingValue, at + 1, "the sample has no value") }
        var sample = PrometheusSample(series: 0, value: .nan, timestamp: nil)
        noValue = nil
        valueText = UnsafeRawBufferPointer(rebasing: line[at..<valueEnd])
        if let value = PrometheusNumber.value(valueText) {
            sample.value = value
            sample.timestamp = try readTimestamp(line, skipBlanks(line, valueEnd))
        } else {
            noValue = takesNoValueWords ? noValueReason(line, at) : nil
            if noValue == nil { throw valueError(line, at..<valueEnd) }
        }
        sample.series = try findSeries(line, name: start..<nameEnd, labels: labels)
        metrics[Int(metricOfSeries[Int(sample.series)])].samplesIn = text
        return sample
    }

    private func readTimestamp(_ line: UnsafeRawBufferPointer, _ at: Int) throws(PrometheusTextError) -> Int64? {
        if at == line.count { return nil }
        if line[at] == UInt8(ascii: "#") { throw exemplarError(at) }
        let end = endOfToken(line, at)
        let text = UnsafeRawBufferPointer(rebasing: line[at..<end])
        let timestamp = PrometheusNumber.integer(text)
        guard timestamp != nil || (ignoresTimes && parseDouble(text) != nil) else {
            throw error(
                .timestamp, at + 1, "\(shown(line, at..<end)) is not a timestamp in whole milliseconds since 1970")
        }
        let rest = skipBlanks(line, end)
        guard rest < line.count else { return timestamp }
        if line[rest] == UInt8(ascii: "#") { throw exemplarError(rest) }
        throw error(.trailingText, rest + 1, "\(shown(line, rest..<line.count)) follows the sample")
    }

    private func noValueReason(_ line: UnsafeRawBufferPointer, _ start: Int) -> NoValueReason? {
        var end = line.count
        while PrometheusTextReader.isBlank(line[end - 1]) { end -= 1 }
        return NoValueReason(text: UnsafeRawBufferPointer(rebasing: line[start..<end]))
    }
}

// MARK: - Series

extension PrometheusTextReader {
    @inline(__always)
    private mutating func findSeries(
        _ line: UnsafeRawBufferPointer, name: Range<Int>, labels: Range<Int>
    ) throws(PrometheusTextError) -> UInt32 {
        func piece(_ i: Int) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: line[i == 0 ? name : labels])
        }
        let hash = StableHash.hash(piece(1), seed: StableHash.hash(piece(0), seed: 0))
        if let known = interner.find(hash, 2, piece) { return known }
        let index = try makeSeries(line, name, labels)
        interner.add(hash, 2, piece, number: index)
        return index
    }

    private mutating func makeSeries(
        _ line: UnsafeRawBufferPointer, _ name: Range<Int>, _ labels: Range<Int>
    ) throws(PrometheusTextError) -> UInt32 {
        let new: PrometheusSeries
        do throws(LabelError) {
            let parsed = try MetricLabel.parse(prometheus: UnsafeRawBufferPointer(rebasing: line[labels]))
            new = PrometheusSeries(name: String(decoding: line[name], as: UTF8.self), labels: parsed)
        } catch {
            throw self.error(.labels, labels.lowerBound + error.offset + 1, error.reason)
        }
        guard !new.labels.contains(where: { $0.name == "__name__" }) else {
            throw error(
                .labels, labels.lowerBound + 1,
                "the label __name__ is the metric's name, which the line already contains")
        }
        // Different bytes may mean the same, such as labels with or without a trailing comma.
        if let index = indices[new] { return index }
        let metric = addMetric(UnsafeRawBufferPointer(rebasing: line[name]))
        let index = UInt32(series.count)
        series.append(new)
        metricOfSeries.append(metric)
        indices[new] = index
        return index
    }

    func metric(of name: UnsafeRawBufferPointer) -> UInt32? {
        metricNames.find(StableHash.hash(name, seed: 0), 1) { _ in name }
    }

    mutating func addMetric(_ name: UnsafeRawBufferPointer) -> UInt32 {
        if let known = metric(of: name) { return known }
        let index = UInt32(metrics.count)
        metrics.append(Metric(family: PrometheusFamily(name: String(decoding: name, as: UTF8.self))))
        metricNames.add(StableHash.hash(name, seed: 0), 1, { _ in name }, number: index)
        return index
    }

    /// Removes the other series. Those that stay keep their order and get new indices: returns the new index for each
    /// old one.
    package mutating func keepSeries(where stays: (UInt32) -> Bool) -> [UInt32?] {
        let numbers = PrometheusTextReader.numbers(of: series.count, where: stays)
        interner = interner.renumbered(numbers)
        series = series.indices.filter { numbers[$0] != nil }.map { series[$0] }
        metricOfSeries = metricOfSeries.indices.filter { numbers[$0] != nil }.map { metricOfSeries[$0] }
        indices = Dictionary(uniqueKeysWithValues: series.enumerated().map { ($1, UInt32($0)) })

        let used = Set(metricOfSeries)
        let metricNumbers = PrometheusTextReader.numbers(of: metrics.count) {
            used.contains($0) || metrics[Int($0)].helpIn == text || metrics[Int($0)].typeIn == text
        }
        metricNames = metricNames.renumbered(metricNumbers)
        metrics = metrics.indices.filter { metricNumbers[$0] != nil }.map { metrics[$0] }
        metricOfSeries = metricOfSeries.map { metricNumbers[Int($0)]! }
        return numbers
    }

    /// Numbers the remaining series from 0.
    private static func numbers(of count: Int, where stays: (UInt32) -> Bool) -> [UInt32?] {
        var next: UInt32 = 0
        return (0..<UInt32(count)).map { old in
            guard stays(old) else { return nil }
            defer { next += 1 }
            return next
        }
    }
}

// MARK: - Tokens

extension PrometheusTextReader {
    @inline(__always)
    func skipBlanks(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        while at < line.count, PrometheusTextReader.isBlank(line[at]) { at += 1 }
        return at
    }

    @inline(__always)
    func endOfToken(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        while at < line.count, !PrometheusTextReader.isBlank(line[at]) { at += 1 }
        return at
    }

    /// Metric names are `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    @inline(__always)
    func endOfName(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var at = start
        while at < line.count {
            switch line[at] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                UInt8(ascii: ":"):
                break
            case UInt8(ascii: "0")...UInt8(ascii: "9") where at > start: break
            default: return at
            }
            at += 1
        }
        return at
    }

    /// The position of the brace that closes the labels, ignoring braces in quotes.
    @inline(__always)
    private func endOfLabels(_ line: UnsafeRawBufferPointer, _ start: Int) throws(PrometheusTextError) -> Int {
        var at = start
        var isQuoted = false
        while at < line.count {
            switch line[at] {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\\") where isQuoted: at += 1
            case UInt8(ascii: "}") where !isQuoted: return at
            default: break
            }
            at += 1
        }
        throw error(
            .labels, start,
            isQuoted ? "the quote of a label's value is not closed" : "the brace of the labels is not closed")
    }
}

// MARK: - Messages

extension PrometheusTextReader {
    func nameError(_ line: UnsafeRawBufferPointer, _ at: Int) -> PrometheusTextError {
        let inner = line[at] == UInt8(ascii: "{") ? skipBlanks(line, at + 1) : at
        if inner < line.count, line[inner] == UInt8(ascii: "\"") {
            return error(.quotedName, inner + 1, "names in quotes belong to a later format, which is not supported")
        }
        return error(
            .metricName, at + 1,
            "expected a metric name instead of \(shown(line, at..<max(at + 1, endOfToken(line, at))))")
    }

    private func valueError(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> PrometheusTextError {
        let isNumber = parseDouble(UnsafeRawBufferPointer(rebasing: line[range])) != nil
        return error(
            .value, range.lowerBound + 1,
            "the value \(shown(line, range)) is \(isNumber ? "beyond the range of a Double" : "not a number")")
    }

    private func exemplarError(_ at: Int) -> PrometheusTextError {
        error(.exemplar, at + 1, "exemplars belong to OpenMetrics, which is not supported")
    }

    /// A part of the line for a message, truncated if it is long.
    func shown(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> String {
        abbreviated(String(decoding: line[range].prefix(64), as: UTF8.self), to: 40).debugDescription
    }
}
