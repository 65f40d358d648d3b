import FaultSupport
import Foundation
import TelemetryKit
import Testing

@Suite("CSV source over a stream", .timeLimit(.minutes(20)))
struct CSVStreamTests {
    static func input(_ pipe: PipeEnds) -> CSVInput { .descriptor(pipe.reading, name: "pipe") }

    static func source(
        _ input: CSVInput, _ clock: PipelineClock, _ change: (inout CSVSource.Configuration) -> Void = { _ in }
    ) throws -> CSVSource {
        var configuration = CSVSource.Configuration(input: input, source: "test")
        change(&configuration)
        return try CSVSource(configuration, clock: clock)
    }

    static let header = DCGMReaderTests.header
    static let row = DCGMReaderTests.row

    @Test("a stream is read to its end, once, even where a loop is asked for")
    func whole() async throws {
        let pipe = try PipeEnds()
        pipe.write(Self.header + Self.row + "broken\n" + Self.row)
        pipe.end()
        var source = try Self.source(Self.input(pipe), LeapingClock().clock) { $0.loop = true }
        #expect(try await source.next()?.count == 2)
        #expect(try await source.next() == nil)
        #expect(source.progress.passes == 1 && source.progress.totalBytes == 0)
        #expect(source.progress.rejected.first == ["pipe:3: 1 fields instead of 12"])
    }

    @Test("a batch leaves when it is due although no more comes, and the rest of a cut row is waited for")
    func stalls() async throws {
        let pipe = try PipeEnds()
        let time = HandClock()
        pipe.write(Self.header + Self.row + Self.row.prefix(50))
        let input = Self.input(pipe)
        let reading = Task {
            var source = try Self.source(input, time.clock) { $0.interval = .seconds(5) }
            let first = try await source.next()
            pipe.write(Self.row.dropFirst(50))
            pipe.end()
            let second = try await source.next()
            let end = try await source.next()
            #expect(source.progress.rejected.count == 0)
            return (first?.count, second?.count, end == nil)
        }
        await time.sleeperArrives()
        time.advance(by: .seconds(5))
        #expect(try await reading.value == (1, 1, true))
    }

    @Test("a header and rows that come byte by byte, bad ones too, are read as if they came at once")
    func byteByByte() async throws {
        let text =
            Self.header + Self.row + "bad \"quote,and more\n" + Self.row + "\"not closed,\n" + Self.row
            + "2025-07-18T20:42:34Z,cut"
        let pipe = try PipeEnds()
        let input = Self.input(pipe)
        let reading = Task {
            var source = try Self.source(input, LeapingClock().clock) { $0.interval = .seconds(3_600) }
            var count = 0
            while let batch = try await source.next() { count += batch.count }
            return (count, source.progress.rejected)
        }
        for byte in text.utf8 {
            pipe.write(String(UnicodeScalar(byte)))
            await Task.yield()
        }
        pipe.end()
        let (count, rejected) = try await reading.value

        var reader = try DCGMReader(try CSVReader(bytes: text.utf8, name: "pipe"), badRows: .skip)
        var rows = DCGMRows()
        try reader.read(into: &rows)
        #expect(rows.count == 3 && reader.badRows.count == 3)
        #expect(count == rows.count)
        #expect(rejected.count == reader.badRows.count)
        #expect(rejected.first == reader.badRows.first.map(\.description))
    }

    @Test(
        "cancellation ends the wait for a stream: what was collected comes, and then the end",
        arguments: ["", header, header + row])
    func cancellation(text: String) async throws {
        let pipe = try PipeEnds()
        pipe.write(text)
        let input = Self.input(pipe)
        let (waits, continuation) = AsyncStream.makeStream(of: Int.self)
        let reading = Task {
            var source = try Self.source(input, .system) {
                $0.interval = .seconds(3_600)
                $0.onProgress = { continuation.yield($0.rowsRead) }
            }
            var counts: [Int] = []
            while let batch = try await source.next() { counts.append(batch.count) }
            return counts
        }
        // Everything that is in the pipe was read at once; now it waits.
        let expected = text.hasSuffix(Self.row) ? [1] : []
        for await count in waits {
            #expect(count == expected.count)
            break
        }
        reading.cancel()
        #expect(try await reading.value == expected)
    }

    @Test("a named pipe is read as soon as somebody writes to it, and ends when the last writer leaves")
    func namedPipe() async throws {
        let directory = try InputDirectory()
        let path = directory.path + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        var source = try Self.source(.path(path), .system)
        // The reader is there, so that this does not wait for one.
        let writer = open(path, O_WRONLY)
        try #require(writer >= 0)
        _ = (Self.header + Self.row).withCString { write(writer, $0, strlen($0)) }
        close(writer)
        #expect(try await source.next()?.count == 1)
        #expect(try await source.next() == nil)
    }

    @Test(
        "a stream without a usable header is an error that names it",
        arguments: [("", CSVError.Kind.noHeader), ("a,b\n", .missingColumn)])
    func badHeader(text: String, kind: CSVError.Kind) async throws {
        let pipe = try PipeEnds()
        pipe.write(text)
        pipe.end()
        var source = try Self.source(Self.input(pipe), LeapingClock().clock)
        do {
            _ = try await source.next()
            Issue.record("no error")
        } catch {
            #expect(error.kind == kind && error.file == "pipe")
        }
        #expect(try await source.next() == nil)
    }

    @Test("a file as standard input is read as a stream that never has to be waited for")
    func redirectedFile() async throws {
        let export = try CSVSourceTests.Export(hosts: ["a"], rows: 1_000)
        let descriptor = open(export.path, O_RDONLY)
        defer { close(descriptor) }
        var source = try Self.source(.descriptor(descriptor, name: "standard input"), LeapingClock().clock)
        #expect(try await source.next()?.count == 1_000)
        #expect(try await source.next() == nil)
    }
}
