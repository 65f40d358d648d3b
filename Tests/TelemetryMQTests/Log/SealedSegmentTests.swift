import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("Sealed segments and their indexes")
final class SealedSegmentTests {
    private let directory = TemporaryDirectory()

    deinit { directory.remove() }

    private func open(segmentBytes: Int64 = 450) throws -> MessageLog {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = segmentBytes
        return try MessageLog(directory: DiskDirectory(path: directory.path), configuration: configuration)
    }

    /// Ten messages over several segments, of producers p0 and p1 in turn.
    private func fill(sync: Bool) throws {
        let log = try open()
        for n in log.nextOffset..<log.nextOffset + 10 {
            var batch = AppendBatch(firstOffset: n)
            let producer = "p\(n % 2)"
            let id = Array("\"\(producer)\"".utf8)
            Array("\(n)".utf8).withUnsafeBytes { payload in
                id.withUnsafeBytes { _ = batch.append(payload: payload, timestamp: n, producerID: $0, sequence: n) }
            }
            log.remember(log.producer(producer), sequence: n, offset: n)
            try log.append(batch)
        }
        #expect(log.segments.count > 3)
        if sync {
            let work = try #require(log.takeSyncWork())
            try work.perform()
            work.writeIndexes()
        }
    }

    private func segmentFile(_ log: MessageLog, _ place: Int) -> URL {
        URL(fileURLWithPath: log.segments[place].path)
    }

    @Test("a log opens by its indexes without reading the records, and knows its producers")
    func opensByIndex() throws {
        try fill(sync: true)
        let log = try open()
        #expect(log.nextOffset == 10)
        #expect(log.segments.dropLast().allSatisfy { !$0.isVerified })
        for n in Int64(0)..<10 {
            #expect(log.producers.verdict(log.producer("p\(n % 2)"), sequence: n) == .repeated(offset: n))
            let segment = try #require(log.segment(holding: n))
            let (marks, damage) = SegmentRecovery.verify(try segment.openFile(), segment.indexFile)
            #expect(damage == nil)
            #expect(marks == segment.indexFile.marks)
        }
    }

    @Test(
        "a lost, cut or altered index or snapshot is made anew by reading the records",
        arguments: ["lost", "cut", "altered", "empty"])
    func rebuildsIndex(how: String) throws {
        try fill(sync: true)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        let indexes = names.filter { $0.hasSuffix(IndexFile.nameSuffix) || $0 == ProducerFile.name }
        #expect(indexes.count > 3)
        for spoiled in indexes {
            let file = directory.file(spoiled)
            let sound = try Data(contentsOf: file)
            switch how {
            case "lost": try FileManager.default.removeItem(at: file)
            case "cut": try sound.dropLast(5).write(to: file)
            case "empty": try Data().write(to: file)
            default:
                var altered = sound
                altered[altered.count / 2] ^= 1
                try altered.write(to: file)
            }
            do {
                let log = try open()
                #expect(log.nextOffset == 10)
                for n in Int64(0)..<10 {
                    #expect(log.producers.verdict(log.producer("p\(n % 2)"), sequence: n) == .repeated(offset: n))
                }
                let work = try #require(log.takeSyncWork())
                try work.perform()
                work.writeIndexes()
            }
            #expect(try Data(contentsOf: file) == sound)
        }
    }

    @Test(
        "damage to a segment that has its index stops the opening where the file is short, and is found by verifying where it is not"
    )
    func damage() throws {
        try fill(sync: true)
        let file: URL
        do {
            let log = try open()
            file = segmentFile(log, 1)
        }
        let whole = try Data(contentsOf: file)
        try whole.dropLast(3).write(to: file)
        #expect { _ = try self.open() } throws: { error in
            guard case LogError.corrupt(let path, _, _, _) = error else { return false }
            return path == file.path
        }
        for place in whole.indices {
            var damaged = whole
            damaged[place] ^= 0x04
            try damaged.write(to: file)
            let log = try open()
            let segment = log.segments[1]
            #expect(SegmentRecovery.verify(try segment.openFile(), segment.indexFile).damage != nil, "byte \(place)")
        }
    }

    @Test("what a power loss left behind the last sync is cut, and segments behind the cut are put aside, not deleted")
    func powerLoss() throws {
        try fill(sync: true)
        let durable = try open().nextOffset
        try fill(sync: false)
        let torn: URL
        let later: [String]
        let before: Int64
        do {
            let log = try open()
            let place = try #require(log.segments.firstIndex { $0.baseOffset >= durable })
            torn = segmentFile(log, place)
            before = log.segments[place].baseOffset
            later = log.segments[(place + 1)...].map { Segment.name(baseOffset: $0.baseOffset) }
            #expect(later.count > 1)
        }
        for index in try FileManager.default.contentsOfDirectory(atPath: directory.path)
        where index.hasSuffix(IndexFile.nameSuffix) {
            // The indexes that opening wrote nothing of are those of synced segments.
            #expect(Int64(index.prefix(20))! < durable)
        }
        try Data(contentsOf: torn).dropLast(1).write(to: torn)
        let log = try open()
        #expect(log.nextOffset >= before && log.nextOffset < before + 10)
        #expect(log.recovery.cutTail?.contains(torn.path) == true)
        #expect(log.recovery.setAside.count == later.count)
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: directory.path))
        for name in later { #expect(names.contains(name + ".set-aside")) }
    }

    @Test("an inspection tells every segment, and every kind of damage with its file, and changes nothing")
    func inspection() throws {
        try fill(sync: true)
        let sound = try LogInspection(directory: directory.path)
        #expect(sound.problems.isEmpty)
        #expect(sound.segments.map(\.baseOffset) == (try open().segments.map(\.baseOffset)))
        #expect(sound.segments.last?.nextOffset == 10)
        #expect(sound.segments.dropLast().allSatisfy { $0.hasIndex })
        #expect(sound.segments.first?.firstTimestamp == Timestamp(nanoseconds: 0))

        let first = directory.file(Segment.name(baseOffset: 0))
        let whole = try Data(contentsOf: first)
        for damaged in [whole.dropLast(2), whole.prefix(60) + Data("X".utf8) + whole.dropFirst(61)] {
            try damaged.write(to: first)
            let report = try LogInspection(directory: directory.path)
            #expect(report.problems.count >= 1)
            #expect(report.problems.first?.hasPrefix(first.path) == true)
            #expect(try Data(contentsOf: first) == damaged)
        }
        try whole.write(to: first)
        try FileManager.default.removeItem(at: directory.file(IndexFile.name(baseOffset: 0)))
        let unindexed = try LogInspection(directory: directory.path)
        #expect(unindexed.problems.isEmpty && unindexed.notices.contains { $0.contains("no index") })
        #expect(throws: MQServerError.self) { try LogInspection(directory: self.directory.path + "/none") }
    }

    @Test("a segment that is gone before a synced one is damage")
    func missingSegment() throws {
        try fill(sync: true)
        let file: URL
        do {
            let log = try open()
            file = segmentFile(log, 1)
        }
        try FileManager.default.removeItem(at: file)
        #expect(throws: LogError.self) { try self.open() }
    }

    @Test("a damaged segment is delivered up to the damage, and then the subscriber is told file and offset")
    func deliversUpToDamage() async throws {
        try fill(sync: true)
        let file: URL
        let base: Int64
        do {
            let log = try open()
            file = segmentFile(log, 1)
            base = log.segments[1].baseOffset
            #expect(log.segments[1].messageCount > 1)
        }
        var bytes = try Data(contentsOf: file)
        // The second record of the segment.
        let first = 4 + bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        bytes[first + 50] ^= 1
        try bytes.write(to: file)

        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.dataDirectory = directory.path
        let server = try await MQServer(configuration: configuration)
        for start in [0, base, base + 1] {
            let reader = try RawPeer(port: server.port)
            #expect(
                members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":\#(start)}"#))["success"]
                    as? Bool == true)
            for n in start..<max(start, base + 1) { #expect(members(try reader.receive())["offset"] as? Int64 == n) }
            let error = members(try reader.receive())
            #expect(error["code"] as? String == "corrupt_log")
            #expect(error["offset"] as? Int64 == base + 1)
            #expect((error["error"] as? String)?.contains(file.path) == true)
            #expect(reader.isClosedByPeer)
        }
        let behind = try RawPeer(port: server.port)
        _ = try behind.ask(#"{"type":"subscribe","subscriber_id":"s","offset":9}"#)
        #expect(members(try behind.receive())["offset"] as? Int == 9)
        await server.shutdown()
    }
}
