import Foundation
import TelemetryKit
import Testing

/// All rows and errors of a text, in order, as `next()` yields them.
func readAll(_ reader: consuming CSVReader) -> [Result<[String], CSVError>] {
    var rows: [Result<[String], CSVError>] = []
    while true {
        do throws(CSVError) {
            guard try reader.next() else { return rows }
            var row: [String] = []
            for i in 0..<reader.count { row.append(reader[i]) }
            rows.append(.success(row))
        } catch {
            rows.append(.failure(error))
            if error.kind == .unreadable { return rows }
        }
    }
}

func plain(header: Bool = false, maxRowBytes: Int = 1 << 20) -> CSVReader.Configuration {
    var configuration = CSVReader.Configuration()
    configuration.hasHeader = header
    configuration.maxRowBytes = maxRowBytes
    return configuration
}

/// A source that hands out at most `size` bytes at a time.
func chunks(_ bytes: [UInt8], of size: Int) -> (UnsafeMutableRawBufferPointer) throws -> Int {
    var at = 0
    return { buffer in
        let count = min(size, buffer.count, bytes.count - at)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[at..<at + count])) }
        at += count
        return count
    }
}

@Suite("CSV reader")
struct CSVReaderTests {
    @Test(
        "what is compressed is named with what decompresses it, and is not read as a row",
        arguments: [
            ([0x1F, 0x8B, 0x08, 0x00], "gzip -dc"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd -dc"),
            ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "xz -dc"),
            ([0x50, 0x4B, 0x03, 0x04], "unzip -p"),
        ] as [([UInt8], String)])
    func compressed(start: [UInt8], program: String) {
        for size in [1, 100] {
            let error = #expect(throws: CSVError.self) {
                _ = try CSVReader(name: "a.csv.gz", source: chunks(start + [10, 0, 200], of: size))
            }
            #expect(
                error?.kind == .unreadable
                    && error?.description == "a.csv.gz: it is compressed; decompress it with \(program)")
        }
    }

    @Test("a text that begins as one of them does is read", arguments: ["P,K", "PK,(", "(,a"])
    func notCompressed(text: String) throws { #expect(try CSVReader(bytes: text.utf8).columns.count == 2) }

    @Test(
        "rows are read as RFC 4180 defines them",
        arguments: [
            ("", []),
            ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
            ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
            ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
            ("a,b\n1,", [["a", "b"], ["1", ""]]),
            ("\u{FEFF}a,b\n", [["a", "b"]]),
            ("\u{FEFF}\"a\",b", [["a", "b"]]),
            (",\n,", [["", ""], ["", ""]]),
            ("\"a\",\"b\"\n\"1\",\"2\"", [["a", "b"], ["1", "2"]]),
            ("\"a,b\",c\n", [["a,b", "c"]]),
            ("\"a\"\"b\",\"\"\"\"\n", [["a\"b", "\""]]),
            ("\"\",\"\"\"\"\"\"\n", [["", "\"\""]]),
            ("\"a\nb\",\"c\r\nd\"\ne,f\n", [["a\nb", "c\r\nd"], ["e", "f"]]),
            ("a,b\n\n\r\n1,2\n\n", [["a", "b"], ["1", "2"]]),
            ("\"\"\n\n\"x\"", [[""], [""], ["x"]]),
            ("a b, c ,\u{e9}\u{1F600}\n", [["a b", " c ", "\u{e9}\u{1F600}"]]),
        ] as [(String, [[String]])])
    func reads(text: String, rows: [[String]]) throws {
        let results = readAll(try CSVReader(bytes: text.utf8, configuration: plain()))
        #expect(results.map { try? $0.get() } == rows)
    }

    @Test(
        "a malformed row is an error with its line, field and reason, and the next line is read",
        arguments: [
            ("a,b\n\"1,2\n", .quoteNotClosed, 2, 1, 1),
            ("a,b\n1,\"2", .quoteNotClosed, 2, 2, 1),
            ("a,b\n1,2\n\"x\"y,2\n3,4\n", .dataAfterQuote, 3, 1, 3),
            ("a,b\n1,\"2\" \n3,4\n", .dataAfterQuote, 2, 2, 2),
            ("a,b\n1,x\"2\"\n3,4\n", .strayQuote, 2, 2, 2),
            ("a,b\n1,x\ry\n3,4\n", .strayCarriageReturn, 2, 2, 2),
            ("a,b\n1,2\r", .strayCarriageReturn, 2, 2, 1),
            ("a,b\n1\n3,4\n", .fieldCount, 2, 0, 2),
            ("a,b\n1,2,3\n3,4\n", .fieldCount, 2, 0, 2),
            ("\"a\n\",b\n\"1\n\n2\",2\n1\n3,4\n", .fieldCount, 6, 0, 3),
            ("\"a\",\"b\"\n\"1\",\"cut here\n\"3\",\"4\"\n", .dataAfterQuote, 3, 2, 2),
            ("a,b\n" + String(repeating: "x", count: 60) + ",1\n3,4\n", .rowTooLong, 2, 0, 2),
            ("a,b\n\"" + String(repeating: "x\n", count: 60), .rowTooLong, 2, 0, nil),
        ] as [(String, CSVError.Kind, Int, Int, Int?)])
    func malformed(text: String, kind: CSVError.Kind, line: Int, column: Int, goodRows: Int?) throws {
        let results = readAll(try CSVReader(bytes: text.utf8, name: "f.csv", configuration: plain(maxRowBytes: 50)))
        let error = try #require(
            results.lazy.compactMap { result -> CSVError? in if case .failure(let e) = result { e } else { nil } }.first
        )
        #expect(error.kind == kind)
        #expect(error.line == line)
        #expect(error.column == column)
        #expect(error.file == "f.csv")
        if let goodRows { #expect(results.count { (try? $0.get()) != nil } == goodRows) }
    }

    @Test(
        "spaces around fields are trimmed if that is asked for, and those within quotes are kept",
        arguments: [
            ("a, b\t,  c d \n", [["a", "b", "c d"]]), ("\" a \", \"b \" ,c\n", [[" a ", "b ", "c"]]),
            (" \"x, \"\"y\"\" \"\t\r\n", [["x, \"y\" "]]), ("a,  ,\n 1,2,\t3", [["a", "", ""], ["1", "2", "3"]]),
            ("a,b\n  \n\t\r\n1,2\n", [["a", "b"], ["1", "2"]]), (" \"\" \n\n\"x\"", [[""], [""], ["x"]]),
            ("a,b ", [["a", "b"]]),
        ] as [(String, [[String]])])
    func trims(text: String, rows: [[String]]) throws {
        for size in 1...text.utf8.count + 1 {
            var configuration = plain()
            configuration.trimsSpaces = true
            configuration.chunkSize = size
            let reader = try CSVReader(
                name: "f", configuration: configuration, source: chunks(Array(text.utf8), of: size))
            #expect(readAll(reader).map { try? $0.get() } == rows, "chunks of \(size)")
        }
    }

    @Test("a text behind a closing quote and its spaces is an error all the same")
    func trimsAndRefuses() throws {
        var configuration = plain()
        configuration.trimsSpaces = true
        let results = readAll(try CSVReader(bytes: "a,b\n1, \"2\" x\n1,2 \"\n3,4\n".utf8, configuration: configuration))
        let kinds = results.compactMap { result -> CSVError.Kind? in
            if case .failure(let error) = result { error.kind } else { nil }
        }
        #expect(kinds == [.dataAfterQuote, .strayQuote] && results.count == 4)
    }

    @Test("an error names the column that the header gives the field")
    func columnNames() throws {
        var reader = try CSVReader(bytes: "time,value\n1,x\"\n".utf8, name: "f.csv")
        #expect(reader.columns == ["time", "value"])
        do {
            _ = try reader.next()
            Issue.record("no error")
        } catch {
            #expect(error.columnName == "value")
            #expect(error.description == "f.csv:2, field 2 (value): a quote in a field that does not begin with one")
        }
    }

    @Test("a file that is missing, a directory or empty is an error that names it")
    func files() throws {
        let missing = #expect(throws: CSVError.self) { _ = try CSVReader(path: "/nonexistent/x.csv") }
        #expect(missing?.description == "/nonexistent/x.csv: No such file or directory")
        let directory = #expect(throws: CSVError.self) { _ = try CSVReader(path: "/tmp") }
        #expect(directory?.kind == .unreadable)
        let empty = #expect(throws: CSVError.self) { _ = try CSVReader(path: "/dev/null") }
        #expect(empty?.kind == .noHeader)
    }

    @Test("a field that is not UTF-8 is an error when it is asked for as text")
    func notUTF8() throws {
        var reader = try CSVReader(bytes: Array("a,b\n1,".utf8) + [0xFF, 0x0A])
        #expect(try reader.next())
        do {
            _ = try reader.string(1)
            Issue.record("no error")
        } catch {
            #expect(error.kind == .invalidUTF8 && error.line == 2 && error.column == 2 && error.columnName == "b")
        }
    }

    @Test("rows and errors do not depend on how the source is cut in chunks")
    func chunkSizes() throws {
        var random = SeededRandom(seed: 4180)
        let alphabet: [[UInt8]] = [
            "\"", "\"\"", ",", "\n", "\r\n", "\r", "a", "bc", "\"x\"", "\u{e9}", "\n\"1\",\"2\"\n",
        ].map { Array($0.utf8) }
        for _ in 0..<1_500 {
            var text: [UInt8] = Bool.random(using: &random) ? [0xEF, 0xBB, 0xBF] : []
            for _ in 0..<Int.random(in: 0...40, using: &random) { text += alphabet.randomElement(using: &random)! }
            let limit = Int.random(in: 4...60, using: &random)
            let whole = readAll(try CSVReader(bytes: text, configuration: plain(maxRowBytes: limit)))
            for size in [1, 2, 3, 5, 7, 16, 64] {
                var configuration = plain(maxRowBytes: limit)
                configuration.chunkSize = size
                let cut = readAll(
                    try CSVReader(name: "CSV", configuration: configuration, source: chunks(text, of: size)))
                #expect(
                    cut == whole,
                    "chunks of \(size), rows of \(limit): \(String(decoding: text, as: UTF8.self).debugDescription)")
            }
        }
    }

    @Test("a source that has nothing now costs no row, and no line number, where it has more later")
    func hesitantSource() throws {
        struct NothingYet: Error {}
        let text = Array(String(repeating: "1,2\n\"a\nb\",c\nx\"y,z and more\n\"not closed,\n1,2,3\n", count: 5).utf8)
        let whole = readAll(try CSVReader(bytes: text, configuration: plain()))
        for size in 1...20 {
            let source = chunks(text, of: size)
            var hasBegun = false
            var hesitates = false
            var configuration = plain()
            configuration.chunkSize = size
            var reader = try CSVReader(name: "CSV", configuration: configuration) { buffer in
                hesitates.toggle()
                if hasBegun, hesitates { throw NothingYet() }
                return try source(buffer)
            }
            hasBegun = true
            var rows: [Result<[String], CSVError>] = []
            while true {
                do throws(CSVError) {
                    guard try reader.next() else { break }
                    var row: [String] = []
                    for i in 0..<reader.count { row.append(reader[i]) }
                    rows.append(.success(row))
                } catch {
                    if error.kind != .unreadable { rows.append(.failure(error)) }
                }
            }
            #expect(rows == whole, "chunks of \(size)")
        }
    }

    @Test("what a writer quotes, the reader gives back, whatever the fields contain")
    func roundTrip() throws {
        var random = SeededRandom(seed: 7)
        let pieces = ["\"", ",", "\n", "\r\n", "\r", "a", "", "é", "  "]
        for _ in 0..<500 {
            let width = Int.random(in: 2...5, using: &random)
            let rows = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                (0..<width).map { _ in
                    (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                        .joined()
                }
            }
            let text = rows.map { row in
                row.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ",")
            }.joined(separator: Bool.random(using: &random) ? "\n" : "\r\n")
            #expect(readAll(try CSVReader(bytes: text.utf8, configuration: plain())).map { try? $0.get() } == rows)
        }
    }
}
