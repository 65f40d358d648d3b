import TelemetryKit

/// ``CSVReader`` yields the fields, lines and errors that a naive reader yields, in chunks of any size.
enum RFC4180Target {
    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        let chunk = input.oneOf([1 << 16, 1024, 64, 17, 8, 3, 2, 1])
        let maxRowBytes = input.oneOf([1 << 20, 100, 16, 1])
        let hasHeader = input.number(below: 2) == 1
        let text = Array(input.rest)

        var naive = NaiveCSV(text, maxRowBytes: maxRowBytes)
        var configuration = CSVReader.Configuration()
        configuration.hasHeader = hasHeader
        configuration.maxRowBytes = maxRowBytes
        configuration.chunkSize = chunk
        var reader: CSVReader
        do throws(CSVError) {
            reader = try CSVReader(name: "f", configuration: configuration, source: chunks(text, of: chunk))
        } catch {
            if NaiveCSV.isCompressed(text) {
                return error.kind == .unreadable ? nil : "what is compressed gives \(error)"
            }
            return headerFailure(error, naive.next(), hasHeader)
        }
        if NaiveCSV.isCompressed(text) { return "what is compressed is read" }
        if hasHeader {
            guard case .row(let names, _, _) = naive.next(),
                reader.columns.elementsEqual(names, by: { $0.utf8.elementsEqual($1) })
            else { return "the header is \(reader.columns)" }
        }
        // Every event takes a byte at least.
        for number in 0...text.count {
            let expected = naive.next()
            let found: NaiveCSV.Event?
            do throws(CSVError) {
                found = try reader.next() ? row(&reader) : nil
            } catch {
                if error.file != "f" || error.message.isEmpty { return "event \(number): \(error)" }
                found = .bad(error.kind, line: error.line, column: error.column)
            }
            if found != expected { return "event \(number) is \(shown(found)), not \(shown(expected))" }
            if found == nil { return nil }
        }
        return "more events than bytes"
    }

    private static func row(_ reader: inout CSVReader) -> NaiveCSV.Event {
        // In any order: a field with doubled quotes is put together in memory that the next one uses too.
        var fields = Array(repeating: [UInt8](), count: reader.count)
        for i in fields.indices.reversed() { fields[i] = reader.withBytes(i) { Array($0) } }
        return .row(fields, line: reader.line, next: reader.bytesRead)
    }

    private static func headerFailure(_ error: CSVError, _ expected: NaiveCSV.Event?, _ hasHeader: Bool) -> String? {
        if !hasHeader { return "without a header, \(error)" }
        switch expected {
        case nil: return error.kind == .noHeader ? nil : "an empty file gives \(error)"
        case .bad(let kind, let line, let column):
            return error.kind == kind && error.line == line && error.column == column
                ? nil : "the header gives \(error), not \(shown(expected))"
        case .row(let names, _, _):
            guard let wrong = names.firstIndex(where: { String(validating: $0, as: UTF8.self) == nil }) else {
                return "a good header gives \(error)"
            }
            return error.kind == .invalidUTF8 && error.column == wrong + 1
                ? nil : "name \(wrong + 1) is not UTF-8, and the error \(error)"
        }
    }

    private static func shown(_ event: NaiveCSV.Event?) -> String {
        switch event {
        case nil: "the end"
        case .row(let fields, let line, let next): "line \(line) \(fields.map { quoted($0) }), then byte \(next)"
        case .bad(let kind, let line, let column): "\(kind.rawValue) in line \(line), field \(column)"
        }
    }
}
