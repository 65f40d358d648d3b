import Glibc
import TelemetryBase

extension PrometheusTextReader {
    /// A comment has a meaning if its first word is HELP or TYPE.
    mutating func readComment(_ line: UnsafeRawBufferPointer, _ start: Int) throws(PrometheusTextError) {
        let word = skipBlanks(line, start)
        let wordEnd = endOfToken(line, word)
        let isHelp = isWord(line, word..<wordEnd, "HELP")
        guard isHelp || isWord(line, word..<wordEnd, "TYPE") else { return }
        let keyword = isHelp ? "HELP" : "TYPE"
        let nameStart = skipBlanks(line, wordEnd)
        guard nameStart < line.count else {
            throw error(.metadata, nameStart + 1, "\(keyword) contains no metric name")
        }
        let nameEnd = endOfName(line, nameStart)
        guard nameEnd > nameStart else { throw nameError(line, nameStart) }
        guard nameEnd == line.count || PrometheusTextReader.isBlank(line[nameEnd]) else {
            throw error(
                .metadata, nameEnd + 1,
                "expected a blank after the name \(shown(line, nameStart..<nameEnd)) of the \(keyword)")
        }
        let metric = Int(addMetric(UnsafeRawBufferPointer(rebasing: line[nameStart..<nameEnd])))
        guard (isHelp ? metrics[metric].helpIn : metrics[metric].typeIn) != text else {
            throw error(
                .repeatedMetadata, nameStart + 1,
                "the text has a second \(keyword) of \(abbreviated(metrics[metric].family.name))")
        }
        let rest = skipBlanks(line, nameEnd)
        if isHelp {
            try readHelp(line, rest, of: metric)
        } else {
            try readType(line, rest, of: metric)
        }
    }

    private mutating func readHelp(_ line: UnsafeRawBufferPointer, _ start: Int, of metric: Int)
        throws(PrometheusTextError)
    {
        let bytes = UnsafeRawBufferPointer(rebasing: line[start...])
        let isKnown =
            metrics[metric].helpIn > 0
            && metrics[metric].helpText.withUnsafeBytes { known in
                known.count == bytes.count
                    && (bytes.isEmpty || memcmp(known.baseAddress!, bytes.baseAddress!, bytes.count) == 0)
            }
        if !isKnown {
            metrics[metric].family.help = try unescaped(bytes, at: start)
            metrics[metric].helpText = Array(bytes)
        }
        metrics[metric].helpIn = text
    }

    private func unescaped(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(PrometheusTextError) -> String {
        var help: [UInt8] = []
        help.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            var byte = bytes[at]
            if byte == UInt8(ascii: "\\") {
                at += 1
                switch at < bytes.count ? bytes[at] : 0 {
                case UInt8(ascii: "\\"): break
                case UInt8(ascii: "n"): byte = PrometheusTextReader.lineFeed
                default: throw error(.metadata, start + at, "only \\\\ and \\n are escapes in a HELP")
                }
            }
            help.append(byte)
            at += 1
        }
        guard let text = String(validating: help, as: UTF8.self) else {
            throw error(.invalidUTF8, start + 1, "the HELP is not UTF-8")
        }
        return text
    }

    private mutating func readType(_ line: UnsafeRawBufferPointer, _ start: Int, of metric: Int)
        throws(PrometheusTextError)
    {
        let end = endOfToken(line, start)
        let name = metrics[metric].family.name
        guard end > start else { throw error(.metadata, start + 1, "the TYPE of \(abbreviated(name)) is missing") }
        guard skipBlanks(line, end) == line.count,
            let type = PrometheusFamily.MetricType.allCases.first(where: { isWord(line, start..<end, $0.rawValue) })
        else {
            throw error(.metadata, start + 1, "\(shown(line, start..<line.count)) is not a valid metric type")
        }
        guard metrics[metric].samplesIn != text else {
            throw error(.typeAfterSamples, 0, "the TYPE of \(abbreviated(name)) comes after samples of it")
        }
        metrics[metric].family.type = type
        metrics[metric].typeIn = text
    }

    private func isWord(_ line: UnsafeRawBufferPointer, _ range: Range<Int>, _ word: String) -> Bool {
        range.count == word.utf8.count && line[range].elementsEqual(word.utf8)
    }
}
