import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("Stored positions")
struct PositionTests {
    static let extremes: [Int64] = [.min, .min + 1, -2, -1, 0, 1, 9, 10, 11, .max - 1, .max]

    private func identity(_ epochs: [(UInt64, Int64)] = [(1, 0)]) -> LogIdentity {
        var identity = LogIdentity(id: Array("0123456789abcdef0123456789abcdef".utf8), epochs: [])
        for (epoch, first) in epochs { identity.begin(epoch, nextOffset: first) }
        return identity
    }

    private func line(_ members: String) -> [UInt8] {
        var out = ByteWriter()
        out.append("{" + members)
        out.appendChecksum(from: 0)
        out.append("\n")
        return out.bytes
    }

    private func journal(_ lines: [[UInt8]], _ bounds: PositionBounds) throws -> (PositionJournal, FaultDirectory) {
        let directory = FaultDirectory(files: [PositionJournal.fileName: lines.flatMap { $0 }])
        return (try PositionJournal(directory: directory, bounds: bounds, now: 1000), directory)
    }

    @Test(
        "whatever numbers a journal holds, it opens, every position lies within the log, and the next opening finds nothing to repair"
    )
    func extremeNumbers() throws {
        for identity in [nil, identity()] {
            let bounds = PositionBounds(identity: identity, oldestOffset: 3, nextOffset: 10)
            for offset in Self.extremes {
                for other in Self.extremes {
                    let text =
                        #""subscriber_id":"s","offset":\#(offset),"committed_at":\#(other),"used_at":\#(other),"skipped":\#(other),"oldest_offset":\#(other)"#
                    let (journal, directory) = try journal([line(text)], bounds)
                    let position = try #require(journal["s"])
                    #expect((-1..<10).contains(position.offset) && position.skipped >= 0, "\(text)")
                    #expect(journal.repairs.isEmpty == (offset < 10), "\(text)")
                    journal.retentionMoved(to: .max)
                    guard identity != nil else { continue }
                    try journal.rewriteIfNeeded()
                    let again = try PositionJournal(directory: directory, bounds: bounds, now: 2000)
                    #expect(again.repairs.isEmpty && again["s"]?.offset == position.offset, "\(text)")
                }
            }
        }
    }

    @Test(
        "an older line beyond the end gives way to the last one within the log, and without one to the oldest message")
    func olderLines() throws {
        let bounds = PositionBounds(identity: identity(), oldestOffset: 3, nextOffset: 10)
        let good = line(#""subscriber_id":"s","offset":7"#)
        let wild = line(#""subscriber_id":"s","offset":9223372036854775807"#)
        #expect(try journal([good, wild, wild], bounds).0["s"]?.offset == 7)
        #expect(try journal([wild, good], bounds).0["s"]?.offset == 7)
        #expect(try journal([wild, good], bounds).0.repairs == [])
        let alone = try journal([wild], bounds).0
        #expect(alone["s"]?.offset == 2)
        #expect(
            alone.repairs.count == 1 && alone.repairs[0].contains("s")
                && alone.repairs[0].contains("9223372036854775807"))
    }

    @Test(
        "a position belongs to its log and epoch: of another one it does not count, of a lost tail it is set back to its beginning"
    )
    func epochs() throws {
        // The log ended at 100 when epoch 2 began, and at 60 when epoch 3 did.
        let bounds = PositionBounds(identity: identity([(1, 0), (2, 100), (3, 60)]), oldestOffset: 3, nextOffset: 60)
        func offset(_ log: String, _ epoch: String, _ offset: Int64) throws -> (Int64?, Int) {
            let found = try journal(
                [line(#""subscriber_id":"s","offset":\#(offset),"log_id":"\#(log)","log_epoch":"\#(epoch)""#)], bounds
            ).0
            return (found["s"]?.offset, found.repairs.count)
        }
        let (own, other) = ("0123456789abcdef0123456789abcdef", "ffff456789abcdef0123456789abcdef")
        #expect(try offset(own, "0000000000000001", 59) == (59, 0))
        #expect(try offset(own, "0000000000000001", 80) == (59, 1))
        #expect(try offset(own, "0000000000000002", 110) == (59, 1))
        #expect(try offset(own, "0000000000000003", 59) == (59, 0))
        #expect(try offset(own, "0000000000000004", 20) == (2, 1))
        #expect(try offset(other, "0000000000000001", 20) == (2, 1))
    }

    @Test("lines of older versions are read, and written anew with the log that they belong to")
    func upgrade() throws {
        let bounds = PositionBounds(identity: identity(), oldestOffset: 0, nextOffset: 10)
        let (journal, directory) = try journal(
            [line(#""subscriber_id":"s","offset":4"#), line(#""subscriber_id":"t","offset":5"#)], bounds)
        #expect(journal.offsets == ["s": 4, "t": 5] && journal.repairs.isEmpty && journal.needsRewrite)
        #expect(journal["s"] == Position(offset: 4, committedAt: 0, usedAt: 1000))
        try journal.rewriteIfNeeded()
        let text = String(decoding: directory.files[PositionJournal.fileName] ?? [], as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(
            lines.count == 2
                && lines.allSatisfy {
                    $0.contains(#""log_id":"0123456789abcdef0123456789abcdef","log_epoch":"0000000000000001""#)
                })
    }

    @Test("messages that retention drops before they are committed are counted once, whenever the server restarts")
    func skipped() throws {
        let directory = FaultDirectory()
        var bounds = PositionBounds(identity: identity(), oldestOffset: 0, nextOffset: 1000)
        var journal = try PositionJournal(directory: directory, bounds: bounds, now: 1)
        func reopen(oldest: Int64) throws {
            bounds.oldestOffset = oldest
            journal = try PositionJournal(directory: directory, bounds: bounds, now: 1)
        }
        try journal.commit("slow", offset: 99, at: 1)
        try journal.commit("done", offset: 499, at: 1)
        journal.retentionMoved(to: 150)
        #expect(journal["slow"]?.skipped == 50 && journal["done"]?.skipped == 0)
        journal.retentionMoved(to: 150)
        try reopen(oldest: 150)
        #expect(journal["slow"]?.skipped == 50)
        // Retention at the start, before the journal is read.
        try reopen(oldest: 200)
        #expect(journal["slow"]?.skipped == 100 && journal["done"]?.skipped == 0)
        try journal.touch("slow", at: 2)
        try reopen(oldest: 200)
        #expect(journal["slow"]?.skipped == 100)
        // A position that is taken back to what is long gone has lost nothing by that.
        try journal.commit("done", offset: 10, at: 3)
        try journal.commit("slow", offset: 299, at: 3)
        try reopen(oldest: 250)
        #expect(journal["done"]?.skipped == 50 && journal["slow"]?.skipped == 100)
    }

    @Test("deleted positions stay deleted, and a later commit counts")
    func deletion() throws {
        let directory = FaultDirectory()
        let bounds = PositionBounds(identity: identity(), oldestOffset: 0, nextOffset: 1000)
        let journal = try PositionJournal(directory: directory, bounds: bounds, now: 1)
        for id in ["a", "b", "c"] { try journal.commit(id, offset: 5, at: 1) }
        #expect(journal.ids == ["a", "b", "c"])
        try journal.delete(["a", "b"])
        try journal.commit("b", offset: 6, at: 2)
        #expect(journal.ids == ["b", "c"])
        let again = try PositionJournal(directory: directory, bounds: bounds, now: 1)
        #expect(again.offsets == ["b": 6, "c": 5])
    }

    @Test("a repair that finds no room is kept for later, and nothing is written after the lines that must not count")
    func repairWithoutRoom() throws {
        let bounds = PositionBounds(identity: identity(), oldestOffset: 0, nextOffset: 10)
        let directory = FaultDirectory(fault: .init(kinds: [.write], number: 2, code: ENOSPC))
        let file = try directory.open(PositionJournal.fileName)
        try file.write(line(#""subscriber_id":"s","offset":500"#), at: 0)
        let journal = try PositionJournal(directory: directory, bounds: bounds, now: 1)
        #expect(throws: LogError.self) { try journal.rewriteIfNeeded() }
        #expect(journal.needsRewrite)
        try journal.commit("t", offset: 3, at: 1)
        #expect(!journal.needsRewrite)
        // The log has grown: the repaired line would count now.
        let grown = PositionBounds(identity: identity(), oldestOffset: 0, nextOffset: 1000)
        #expect(try PositionJournal(directory: directory, bounds: grown, now: 1).offsets == ["s": -1, "t": 3])
    }

    @Test("a position expires when it was used neither by a commit nor by a connection, whatever the clock did")
    func expiry() {
        let day: Int64 = 86_400_000_000
        let now: Int64 = 20_000 * day
        var expiry = PositionExpiry(after: .seconds(30 * 86_400))
        #expect(expiry.hasExpired(usedAt: now - 30 * day, now: now, uptime: day))
        #expect(!expiry.hasExpired(usedAt: now - 30 * day + 1, now: now, uptime: day))
        // After a start subscribers have an hour.
        #expect(!expiry.hasExpired(usedAt: 0, now: now, uptime: 3_599_000_000))
        #expect(expiry.hasExpired(usedAt: 0, now: now, uptime: 3_600_000_000))
        // A use in the future, of a clock that was ahead, does not keep a position for ever.
        #expect(!expiry.hasExpired(usedAt: now + 3650 * day, now: now, uptime: 29 * day))
        #expect(expiry.hasExpired(usedAt: now + 3650 * day, now: now, uptime: 30 * day))
        #expect(expiry.needsTouch(usedAt: now - 2 * day, now: now) && !expiry.needsTouch(usedAt: now - day, now: now))
        #expect(expiry.needsTouch(usedAt: now + day, now: now))
        let checks = [60_000_000, 119_000_000, 120_000_000].map { expiry.isDue(uptime: $0) }
        #expect(checks == [true, false, true])
        for usedAt in Self.extremes {
            for now in Self.extremes {
                _ =
                    expiry.hasExpired(usedAt: usedAt, now: now, uptime: .max)
                    || expiry.needsTouch(usedAt: usedAt, now: now)
            }
        }
        var never = PositionExpiry(after: nil)
        let isDue = never.isDue(uptime: .max)
        #expect(
            !isDue && !never.hasExpired(usedAt: 0, now: .max, uptime: .max) && !never.needsTouch(usedAt: 0, now: .max))
        #expect(PositionExpiry(after: .seconds(Int64.max)).after == .max)
    }
}

@Suite("When a message was stored")
final class MessageTimesTests {
    private let directory = TemporaryDirectory()

    deinit { directory.remove() }

    /// Messages of these times, one a batch, in segments of a few of them.
    private func log(_ times: [Int64], segmentBytes: Int64 = 1 << 20) throws -> MessageLog {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = segmentBytes
        let log = try MessageLog(directory: DiskDirectory(path: directory.path), configuration: configuration)
        for (n, time) in times.enumerated() {
            var batch = AppendBatch(firstOffset: Int64(n))
            Array("\(n)".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: time) }
            try log.append(batch)
        }
        return log
    }

    @Test(
        "the time is exact where the marks are far apart, and each message is read once over any number of reports",
        arguments: [500, 1 << 20] as [Int64])
    func exact(segmentBytes: Int64) throws {
        let hour: Int64 = 3_600_000_000
        let stored = (0..<50).map { Int64($0) * hour }
        let log = try log(stored, segmentBytes: segmentBytes)
        var times = MessageTimes()
        for report in 0..<3 {
            times.beginReport()
            let found = (0..<50).map { times.time(of: Int64($0), in: log, now: 50 * hour) }
            #expect(found == stored)
            let beyond = [50, -1, .max, .min].map { times.time(of: $0, in: log, now: 50 * hour) }
            #expect(beyond == [nil, nil, nil, nil])
            if report > 0 { #expect(times.reads == 0) }
        }
    }

    @Test("a report reads a limited number of records; what it does not read is no younger than reported")
    func limited() throws {
        let hour: Int64 = 3_600_000_000
        let stored = (0..<400).map { Int64($0) * hour }
        let log = try log(stored)
        var times = MessageTimes()
        times.beginReport()
        for offset in 0..<400 {
            let time = times.time(of: Int64(offset), in: log, now: 400 * hour)
            #expect(try #require(time) <= stored[offset])
        }
        #expect(times.reads == MessageTimes.maxReads)
    }

    @Test("messages that were stored close together need no reading, and times at the ends of the clock do not trap")
    func marks() throws {
        let log = try log((0..<50).map { 1_000_000_000 + Int64($0) })
        var times = MessageTimes()
        times.beginReport()
        for now in [0, 1_000_000_100, Int64.max, .min] {
            let found = Set((0..<50).map { times.time(of: Int64($0), in: log, now: now) })
            #expect(found == [1_000_000_000])
        }
        #expect(times.reads == 0)
    }
}
