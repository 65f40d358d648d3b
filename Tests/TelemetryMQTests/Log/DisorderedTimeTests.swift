import FaultSupport
import Foundation
import Testing

@testable import TelemetryMQLog

@Suite("Times that are not in order")
struct DisorderedTimeTests {
    private func log(_ times: [Int64], segmentBytes: Int64 = 2000, in directory: FaultDirectory = FaultDirectory())
        throws -> MessageLog
    {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = segmentBytes
        configuration.retentionAge = .seconds(1)
        let log = try MessageLog(directory: directory, configuration: configuration)
        var n = 0
        // Two a batch at times, so that the clock is set within one, too.
        while n < times.count {
            var batch = AppendBatch(firstOffset: Int64(n))
            for time in times[n..<min(n + 1 + n % 2, times.count)] {
                Array("\"\(String(repeating: "x", count: n % 100))\"".utf8).withUnsafeBytes {
                    _ = batch.append(payload: $0, timestamp: time)
                }
                n += 1
            }
            try log.append(batch)
        }
        return log
    }

    /// The definition, by looking at every message.
    private func expected(_ times: [Int64], _ time: Int64, _ now: Int64) -> Int64 {
        let tail = times.lastIndex { $0 <= now }.map { $0 + 1 } ?? 0
        return Int64(times.indices.first { times[$0] >= time && (times[$0] <= now || $0 >= tail) } ?? times.count)
    }

    @Test(
        "a seek finds the first message that is not older, but for those of a clock that was ahead", arguments: 0..<40)
    func seek(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var clock: Int64 = 100_000
        let times = (0..<300).map { _ in
            switch Int.random(in: 0..<30, using: &random) {
            case 0: clock -= Int64.random(in: 0...2000, using: &random)
            case 1: clock += Int64.random(in: 0...2000, using: &random)
            case 2: return clock + 1_000_000
            default: clock += Int64.random(in: 0...3, using: &random)
            }
            return clock
        }
        let directory = FaultDirectory()
        let written = try log(times, in: directory)
        let work = try #require(written.takeSyncWork())
        try work.perform()
        work.writeIndexes()
        // As it was written, as its indexes say, and as a scan finds it.
        var bare = directory.files
        for name in directory.files.keys where name.hasSuffix(".index") { bare[name] = nil }
        let logs = [
            written, try MessageLog(directory: directory.afterProcessEnd()),
            try MessageLog(directory: FaultDirectory(files: bare)),
        ]
        for log in logs {
            #expect(log.newestTimestamp == times.max() && log.lastTimestamp == times.last)
            let sought =
                [0, 100_000, clock, clock + 1, .max] + stride(from: 0, to: times.count, by: 23).map { times[$0] }
            for now in [Int64.max, clock, clock - 1500, 0] {
                for time in sought {
                    #expect(
                        try log.offset(notBefore: time, now: now) == expected(times, time, now), "\(time) at \(now)")
                }
            }
        }
    }

    @Test("a message ten years ahead keeps neither itself nor later ones from their retention")
    func ahead() throws {
        let decade: Int64 = 315_360_000_000_000
        for aheadAt in [0, 3, 17] {
            let now: Int64 = 1_000_000_000_000
            let times = (0..<60).map { now + Int64($0) * 100_000 + ($0 == aheadAt ? decade : 0) }
            let log = try log(times, segmentBytes: 400)
            let last = times[59]
            #expect(try log.applyRetention(now: last) > 0)
            // A second is kept, which is ten messages, and the rest of their segment.
            #expect(log.oldestOffset > 40 && log.oldestOffset <= 49)
            #expect(log.newestTimestamp == last)
            #expect(try log.applyRetention(now: last + 2_000_000) > 0)
            #expect(log.oldestOffset == 60 && log.segments.count == 1)
        }
    }

    @Test("a log with nothing but times ahead is dropped an age after the clock was set right, and not before")
    func allAhead() throws {
        let log = try log((0..<20).map { 315_360_000_000_000 + $0 }, segmentBytes: 400)
        #expect(try log.applyRetention(now: 1_000_000) == 0)
        #expect(try log.applyRetention(now: 1_900_000) == 0)
        #expect(try log.applyRetention(now: 2_100_000) > 0)
        #expect(log.oldestOffset == 20)
    }

    @Test("a clock that is an hour behind for a while costs no message its age")
    func behind() throws {
        let hour: Int64 = 3_600_000_000
        let log = try log([hour, hour + 1, 1, 2, 3, hour + 10, hour + 11], segmentBytes: 150)
        // Read by the wrong clock: what it stored itself is young.
        #expect(try log.applyRetention(now: 10) == 0)
        // And right again: what was stored behind may go early, nothing of the right clock does.
        try log.applyRetention(now: hour + 20)
        #expect(log.oldestOffset <= 5)
        #expect(log.nextOffset == 7)
    }

    @Test("a verification accepts times that decrease, and an index that knows them")
    func inspection() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let times: [Int64] = [5, 900, 7, 8, 8, 3, 3, 10]
        let disk = try DiskDirectory(path: directory.path)
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = 300
        let log = try MessageLog(directory: disk, configuration: configuration)
        for (n, time) in times.enumerated() {
            var batch = AppendBatch(firstOffset: Int64(n))
            Array("\(n)".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: time) }
            try log.append(batch)
        }
        let work = try #require(log.takeSyncWork())
        try work.perform()
        work.writeIndexes()
        let found = try LogInspection(directory: directory.path)
        #expect(found.problems == [])
        #expect(found.segments.dropLast().allSatisfy { $0.hasIndex } && found.segments.count > 2)
    }
}
