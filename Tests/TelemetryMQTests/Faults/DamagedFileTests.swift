import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol

@Suite("Files beside the segments that are damaged at any byte", .timeLimit(.minutes(20)))
struct DamagedFileTests {
    private static let messageCount: Int64 = 12

    /// A log of several segments with their indexes, two producers, and committed positions; closed.
    private func fill(_ directory: TemporaryDirectory) throws {
        let disk = try DiskDirectory(path: directory.path)
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = 450
        let log = try MessageLog(directory: disk, configuration: configuration)
        for n in 0..<Self.messageCount {
            var batch = AppendBatch(firstOffset: n)
            let id = Array("\"p\(n % 2)\"".utf8)
            Array(Oracle.payload("p\(n % 2)", n).utf8).withUnsafeBytes { payload in
                id.withUnsafeBytes {
                    _ = batch.append(payload: payload, timestamp: 1000 + n, producerID: $0, sequence: n)
                }
            }
            log.remember(log.producer("p\(n % 2)"), sequence: n, offset: n)
            try log.append(batch)
        }
        #expect(log.segments.count > 3)
        let work = try #require(log.takeSyncWork())
        try work.perform()
        work.writeIndexes()
        let journal = try PositionJournal(directory: disk)
        for (id, offset) in commits { try journal.commit(id, offset: offset) }
    }

    private let commits: [(id: String, offset: Int64)] = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("a", 6)]

    /// The file with each of its bytes altered in one bit, with each in all bits, and cut before each.
    private func damaged(_ sound: Data, _ body: (Data, String) throws -> Void) rethrows {
        for place in sound.indices {
            for mask in [UInt8(1) << (place % 8), 0xFF] {
                var altered = sound
                altered[place] ^= mask
                try body(altered, "byte \(place), bits \(mask)")
            }
            try body(sound.prefix(place), "cut to \(place) bytes")
        }
        try body(sound + Data("}\n".utf8), "bytes behind the end")
    }

    @Test(
        "an index or a snapshot costs nothing but a scan: every message is served, every producer known, and the file made anew"
    )
    func indexes() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try fill(directory)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter {
            $0.hasSuffix(IndexFile.nameSuffix) || $0 == ProducerFile.name
        }
        #expect(names.count > 3)
        var oracle = Oracle()
        for n in 0..<Self.messageCount {
            oracle.send("p\(n % 2)", n)
            oracle.acknowledge("p\(n % 2)", n, offset: n)
        }
        for name in names {
            let file = directory.file(name)
            let sound = try Data(contentsOf: file)
            try damaged(sound) { bytes, what in
                try bytes.write(to: file)
                let log = try MessageLog(directory: DiskDirectory(path: directory.path))
                #expect(log.nextOffset == Self.messageCount && log.oldestOffset == 0, "\(name), \(what)")
                for n in 0..<Self.messageCount {
                    #expect(
                        log.producers.verdict(log.producer("p\(n % 2)"), sequence: n) == .repeated(offset: n),
                        "\(name), \(what)")
                    let position = try #require(log.segment(holding: n)).position(of: n)
                    #expect(try #require(log.segment(holding: n)).position(of: n + 1) > position, "\(name), \(what)")
                    #expect(try log.offset(notBefore: 1000 + n) == n, "\(name), \(what)")
                }
                #expect(log.recovery.cutTail == nil && log.recovery.setAside.isEmpty, "\(name), \(what)")
                if let work = log.takeSyncWork() {
                    try work.perform()
                    work.writeIndexes()
                }
                #expect(try Data(contentsOf: file) == sound, "\(name), \(what)")
            }
        }
        #expect(try oracle.violations(inDirectory: directory.path) == [])
    }

    @Test("of the positions' journal every line that is sound counts, and the others are told")
    func positions() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try fill(directory)
        let file = directory.file(PositionJournal.fileName)
        let sound = try Data(contentsOf: file)
        let lines = sound.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == commits.count)
        try damaged(sound) { bytes, what in
            try bytes.write(to: file)
            // A line counts where all of it is there, with its end.
            var expected: TextTable<Int64> = [:]
            let found = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            for (line, commit) in zip(lines, commits) where found.dropLast().contains(line) {
                expected[commit.id] = commit.offset
            }
            let isWhole =
                bytes.count < sound.count && sound.starts(with: bytes)
                && (bytes.isEmpty || bytes.last == UInt8(ascii: "\n"))
            do {
                let disk = try DiskDirectory(path: directory.path)
                let journal = try PositionJournal(directory: disk)
                #expect(journal.offsets == expected, "\(what)")
                let told = [journal.damage, journal.cutTail].compactMap { $0 }
                #expect(told.isEmpty == isWhole, "\(what)")
                #expect(told.allSatisfy { $0.contains(file.path) }, "\(what)")
                try journal.commit("after", offset: 9)
                expected["after"] = 9
            }
            // What was told once is told again or gone; what came since is there.
            #expect(try LogInspection(directory: directory.path).committedOffsets.count == expected.count, "\(what)")
            #expect(try PositionJournal(directory: DiskDirectory(path: directory.path)).offsets == expected, "\(what)")
        }
    }

    @Test(
        "a power loss that drops a page of unsynced positions does not keep the queue from starting",
        arguments: UInt64(0)..<20)
    func positionsAfterPowerLoss(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let directory = FaultDirectory()
        let journal = try PositionJournal(directory: directory)
        for n in Int64(0)..<20 { try journal.commit("s\(n % 2)", offset: n) }
        try journal.takeUnsynced()?.synchronize()
        try directory.synchronize()
        for n in Int64(20)..<100 { try journal.commit("s\(n % 2)", offset: n) }
        let found = try PositionJournal(directory: directory.afterPowerLoss(using: &random)).offsets
        #expect(found["s0"] ?? -1 >= 18 && found["s1"] ?? -1 >= 19)
    }
}
