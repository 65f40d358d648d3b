import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("Opening a log of many segments", .timeLimit(.minutes(20)))
struct OpeningTests {
    /// One message a segment, with the times 0, 1, 2, …
    private func fill(_ directory: any LogDirectory, _ count: Int, indexes: Bool) throws {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = 1
        let log = try MessageLog(directory: directory, configuration: configuration)
        for n in 0..<Int64(count) { try append(n, at: n, to: log) }
        #expect(log.segments.count == count)
        guard indexes else { return }
        let work = try #require(log.takeSyncWork())
        try work.perform()
        work.writeIndexes()
    }

    private func append(_ n: Int64, at time: Int64, to log: MessageLog) throws {
        var batch = AppendBatch(firstOffset: n)
        Array("\(n)".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: time) }
        try log.append(batch)
    }

    private func open(
        _ directory: any LogDirectory, now: Int64 = 0, _ change: (inout MessageLog.Configuration) -> Void = { _ in }
    ) throws -> MessageLog {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = 1
        change(&configuration)
        return try MessageLog(directory: directory, configuration: configuration, now: now)
    }

    /// What an opening of so many segments costs.
    private func cost(_ count: Int, indexes: Bool) throws -> [FaultDirectory.Access: Int] {
        let directory = FaultDirectory()
        try fill(directory, count, indexes: indexes)
        let next = directory.afterProcessEnd()
        let log = try open(next)
        #expect(log.nextOffset == Int64(count) && log.segments.count == count)
        let opened = next.openedNames.filter { $0.hasSuffix(".log") }
        #expect(opened.count == (indexes ? 1 : count), "a segment with an index is not opened")
        return next.accesses
    }

    @Test("the files that are listed, opened and read grow as the segments do", arguments: [true, false])
    func linear(indexes: Bool) throws {
        let (few, many) = (try cost(200, indexes: indexes), try cost(400, indexes: indexes))
        #expect(few[.list] == 1 && many[.list] == 1)
        for access in [FaultDirectory.Access.size, .open, .read] {
            let (small, large) = (few[access] ?? 0, many[access] ?? 0)
            #expect(large - small <= 200 * (access == .read ? 2 : 1), "\(access): \(small), then \(large)")
            #expect(small <= 2 * 200 + 10, "\(access): \(small)")
        }
    }

    @Test("a directory is listed once though many segments are put aside")
    func setAside() throws {
        let directory = FaultDirectory()
        try fill(directory, 50, indexes: false)
        var files = directory.files
        let torn = Segment.name(baseOffset: 10)
        files[torn] = Array(files[torn]!.dropLast())
        let next = FaultDirectory(files: files)
        let log = try open(next)
        #expect(log.nextOffset == 10 && log.recovery.setAside.count == 39)
        #expect(next.accesses[.list] == 1)
        #expect(next.files.keys.filter { $0.hasSuffix(".set-aside") }.count == 39)
    }

    @Test("an open log has no descriptor for its sealed segments, and all of them can be read")
    func descriptors() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        func openFiles() -> Int {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
            return names.count {
                ((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)) ?? "").hasPrefix(
                    directory.path + "/0")
            }
        }
        for indexes in [true, false] {
            try fill(DiskDirectory(path: directory.path), 300, indexes: indexes)
            let log = try open(DiskDirectory(path: directory.path))
            #expect(openFiles() == 1)
            for segment in log.segments {
                let (_, damage) = SegmentRecovery.verify(try segment.openFile(), segment.indexFile)
                #expect(damage == nil)
            }
            #expect(openFiles() == 1)
            // What was sealed by this process is let go once it is on the device.
            for n in Int64(300)..<320 { try append(n, at: n, to: log) }
            let work = try #require(log.takeSyncWork())
            try work.perform()
            work.writeIndexes()
            #expect(work.files.count >= 20 && log.segments.count == 320)
            _ = consume work
            #expect(openFiles() == 1)
            directory.remove()
            try FileManager.default.createDirectory(atPath: directory.path, withIntermediateDirectories: true)
        }
    }

    @Test("what retention drops while opening is not read, and its index goes with it")
    func dropsUnread() throws {
        for byAge in [true, false] {
            let directory = FaultDirectory()
            try fill(directory, 100, indexes: true)
            let bytes = Int64(directory.byteCount(of: Segment.name(baseOffset: 50)))
            let next = directory.afterProcessEnd()
            let log = try open(next, now: 1_000_060) {
                if byAge { $0.retentionAge = .seconds(1) } else { $0.retentionBytes = 40 * bytes - 10 }
            }
            // By age: those of the times 0 to 59. By bytes: the last 40 with an index, and the one that is written to;
            // once that is read, its bytes count too.
            #expect(log.oldestOffset == 60)
            #expect(
                log.recovery.droppedCount == 60 && log.recovery.segmentCount == 40 && log.recovery.messageCount == 40)
            #expect(next.openedNames.filter { $0.hasSuffix(".log") } == [Segment.name(baseOffset: 99)])
            #expect((next.accesses[.size] ?? 0) <= 45)
            let names = next.files.keys
            #expect(
                names.filter { $0.hasSuffix(".log") }.count == 40 && names.filter { $0.hasSuffix(".index") }.count == 39
            )
            #expect(log.byteCount == log.segments.reduce(0) { $0 + $1.byteCount })
        }
    }

    @Test("a log that never gets to write an index is kept within its limits by every opening")
    func crashLoop() throws {
        var directory = FaultDirectory()
        var next: Int64 = 0
        for _ in 0..<10 {
            let log = try open(directory) { $0.retentionBytes = 1000 }
            #expect(log.byteCount < 2000)
            #expect(log.nextOffset == next)
            for _ in 0..<20 {
                try append(next, at: next, to: log)
                next += 1
            }
            directory = directory.afterProcessEnd()
        }
    }

    @Test("an index of another segment's size, or whose numbers cannot be, is not believed")
    func impossibleIndex() throws {
        let directory = FaultDirectory()
        try fill(directory, 5, indexes: true)
        let name = IndexFile.name(baseOffset: 2)
        let bytes = try #require(directory.files[name])
        let sound = try #require(IndexFile(json: bytes))
        for change: (inout IndexFile) -> Void in [
            { $0.nextOffset = .max }, { $0.byteCount = .max }, { $0.byteCount = -1 }, { $0.lastTimestamp = .max },
            { $0.marks[0].position = .max }, { $0.marks[0].offset = .min }, { $0.marks = [] }, { $0.nextOffset = .min },
        ] {
            var altered = sound
            change(&altered)
            var files = directory.files
            files[name] = altered.json
            let next = FaultDirectory(files: files)
            // Either it is read anew, or it claims messages that nobody has.
            guard let log = try? open(next) else { continue }
            #expect(log.nextOffset == 5 && log.segments.count == 5)
            for n in Int64(0)..<5 { #expect(try log.segment(holding: n)?.position(of: n) == 0) }
        }
    }

    @Test("a server that is shut down leaves an index for every sealed segment, whatever the policy")
    func shutdown() async throws {
        for policy in [MQServer.SyncPolicy.always, .interval(.seconds(60)), .never] {
            let directory = FaultDirectory()
            var configuration = MQServer.Configuration()
            configuration.port = 0
            configuration.httpPort = nil
            configuration.sync = policy
            configuration.segmentBytes = 1
            let server = try await MQServer(configuration: configuration) { directory }
            let peer = try RawPeer(port: server.port)
            for _ in 0..<20 { _ = try peer.ask(#"{"type":"publish","payload":1}"#) }
            await server.shutdown(within: .zero)
            let next = directory.afterProcessEnd()
            let log = try open(next)
            #expect(log.nextOffset == 20)
            #expect(next.openedNames.filter { $0.hasSuffix(".log") } == [Segment.name(baseOffset: 19)], "\(policy)")
        }
    }
}
