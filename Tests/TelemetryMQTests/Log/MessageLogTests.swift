import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol

@Suite("The log")
final class MessageLogTests {
    let directory = TemporaryDirectory()

    deinit { directory.remove() }

    /// Appends one message a payload, each with a producer's sequence number of its offset.
    private func append(_ payloads: [String], to log: MessageLog) throws {
        var batch = AppendBatch(firstOffset: log.nextOffset)
        let bytes = payloads.map { Array($0.utf8) }
        let id = Array("\"p\"".utf8)
        for payload in bytes {
            let sequence = batch.nextOffset
            payload.withUnsafeBytes { payload in
                id.withUnsafeBytes {
                    _ = batch.append(payload: payload, timestamp: sequence, producerID: $0, sequence: sequence)
                }
            }
        }
        try log.append(batch)
    }

    private func payloads(_ log: MessageLog) throws -> [String] {
        var found: [String] = []
        for segment in log.segments {
            var reader = SegmentReader(file: try segment.openFile(), from: 0, to: segment.byteCount)
            while case .record(let record)? = try reader.next() {
                let header = try #require(Record.header(record))
                #expect(header.offset == log.oldestOffset + Int64(found.count))
                found.append(String(decoding: UnsafeRawBufferPointer(rebasing: record[header.payload]), as: UTF8.self))
            }
        }
        return found
    }

    private func open(_ change: (inout MessageLog.Configuration) -> Void = { _ in }) throws -> MessageLog {
        var configuration = MessageLog.Configuration()
        change(&configuration)
        return try MessageLog(directory: DiskDirectory(path: directory.path), configuration: configuration)
    }

    @Test("what was appended is there after opening again, over several segments")
    func reopen() throws {
        let wanted = (0..<200).map { "{\"n\":\($0)}" }
        do {
            let log = try open { $0.segmentBytes = 2000 }
            for start in stride(from: 0, to: 200, by: 7) {
                try append(Array(wanted[start..<min(start + 7, 200)]), to: log)
            }
            #expect(log.segments.count > 10)
        }
        let log = try open()
        #expect(log.nextOffset == 200)
        #expect(log.recovery.cutTail == nil)
        #expect(try payloads(log) == wanted)
        #expect(log.producer("p").lastSequence == 199)
        #expect(log.producers.verdict(log.producer("p"), sequence: 57) == .repeated(offset: 57))
    }

    @Test("a log cut at any byte keeps every whole message, and goes on from there")
    func cutAnywhere() throws {
        let wanted = (0..<5).map { "\"message \($0)\"" }
        var ends: [Int] = [0]
        do {
            let log = try open()
            for payload in wanted {
                try append([payload], to: log)
                ends.append(Int(log.active.byteCount))
            }
        }
        let file = directory.file(Segment.name(baseOffset: 0))
        let whole = try Data(contentsOf: file)
        for cut in 0...whole.count {
            try whole.prefix(cut).write(to: file)
            let log = try open()
            let kept = ends.lastIndex { $0 <= cut }!
            #expect(try payloads(log) == Array(wanted[..<kept]))
            #expect((log.recovery.cutTail == nil) == ends.contains(cut))
            try append(["\"after\""], to: log)
            #expect(try payloads(log).last == "\"after\"")
            #expect(log.nextOffset == Int64(kept + 1))
        }
    }

    @Test("a bit flipped before a sound message is reported with file and offset, and nothing is cut")
    func damageInTheMiddle() throws {
        do {
            let log = try open()
            for n in 0..<4 { try append(["\(n)"], to: log) }
        }
        let file = directory.file(Segment.name(baseOffset: 0))
        let whole = try Data(contentsOf: file)
        let lastRecord = whole.count / 4 * 3
        for place in 0..<lastRecord {
            var damaged = whole
            damaged[place] ^= 0x10
            try damaged.write(to: file)
            do {
                _ = try open()
                Issue.record("byte \(place): damage was not seen")
            } catch let error as LogError {
                guard case .corrupt(let path, _, let offset, _) = error else {
                    Issue.record("byte \(place): \(error)")
                    continue
                }
                #expect(path == file.path)
                #expect(offset == Int64(place / (whole.count / 4)))
            }
            #expect(try Data(contentsOf: file) == damaged)
        }
    }

    @Test("any offset is found by its position, and any time by its offset")
    func locate() throws {
        let log = try open { $0.segmentBytes = 200_000 }
        let long = "\"" + String(repeating: "x", count: 500) + "\""
        for _ in 0..<100 { try append([String](repeating: long, count: 13), to: log) }
        for offset in stride(from: Int64(0), to: log.nextOffset, by: 17) {
            let segment = try #require(log.segment(holding: offset))
            let position = try segment.position(of: offset)
            var reader = SegmentReader(file: try segment.openFile(), from: position, to: segment.byteCount)
            guard case .record(let record)? = try reader.next() else {
                Issue.record("offset \(offset): no record at \(position)")
                continue
            }
            #expect(Record.header(record)?.offset == offset)
            #expect(try log.offset(notBefore: offset) == offset)
        }
        #expect(try log.offset(notBefore: .max) == log.nextOffset)
        #expect(log.segment(holding: log.nextOffset) === log.active)
        #expect(log.segment(holding: log.nextOffset + 1) == nil)
    }

    @Test("retention by bytes and by age drops whole segments from the front, never the active one")
    func retention() throws {
        let log = try open {
            $0.segmentBytes = 1000
            $0.retentionBytes = 3000
        }
        for n in 0..<100 { try append(["\(n)"], to: log) }
        let dropped = try log.applyRetention(now: 0)
        #expect(dropped > 0)
        #expect(log.byteCount >= 3000 && log.byteCount < 4000)
        #expect(try payloads(log).last == "99")
    }

    @Test("segments older than the retention age go, and the log goes on with the next offset")
    func retentionByAge() throws {
        let log = try open {
            $0.segmentBytes = 500
            $0.retentionAge = .seconds(1)
        }
        for n in 0..<20 { try append(["\(n)"], to: log) }
        try log.applyRetention(now: 1_000_010)
        #expect(log.oldestOffset > 0 && log.oldestOffset <= 10)
        try log.applyRetention(now: 10_000_000)
        #expect(log.oldestOffset == 20 && log.nextOffset == 20 && log.segments.count == 1)
        try append(["\"next\""], to: log)
        #expect(log.nextOffset == 21)
    }

    @Test("two processes cannot have one log open")
    func lock() throws {
        let first = try open()
        #expect(throws: LogError.self) { try open() }
        _ = first.nextOffset
    }

    @Test("committed positions survive, also past a torn last line and many rewrites")
    func positions() throws {
        do {
            let journal = try PositionJournal(directory: DiskDirectory(path: directory.path))
            for n in 0..<60_000 {
                try journal.commit("subscriber \(n % 3) with a \"quote\"", offset: Int64(n))
            }
        }
        let file = directory.file(PositionJournal.fileName)
        #expect(try Data(contentsOf: file).count < 2 * Int(PositionJournal.rewriteBytes))
        let handle = try FileHandle(forWritingTo: file)
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("{\"subscriber_id\":\"torn".utf8))
        try handle.close()
        let journal = try PositionJournal(directory: DiskDirectory(path: directory.path))
        #expect(journal.cutTail != nil)
        #expect(journal.offsets["subscriber 2 with a \"quote\""] == 59_999)
        #expect(journal.offsets.count == 3)
    }
}
