import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("A device that fails", .timeLimit(.minutes(20)))
struct StorageFaultTests {
    static let policies: [MQServer.SyncPolicy] = [.always, .interval(.milliseconds(1)), .never]

    private func server(_ directory: FaultDirectory, _ policy: MQServer.SyncPolicy) async throws -> MQServer {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.sync = policy
        configuration.segmentBytes = 700
        return try await MQServer(configuration: configuration) { directory }
    }

    /// What became of a publish or a commit.
    private enum Outcome: Equatable {
        case stored
        case refused(String)
    }

    /// Publishes of two producers, some in one frame, with commits between them; one after the other, each answered.
    private func workload(_ port: Int, _ oracle: inout Oracle) throws -> (outcomes: [Outcome], committed: Int64) {
        let peer = try RawPeer(port: port)
        var outcomes: [Outcome] = []
        var committed: Int64 = -1
        for round in Int64(0)..<8 {
            for producer in ["p", "q"] {
                let sequences = producer == "p" ? [round * 2, round * 2 + 1] : [round]
                for sequence in sequences { oracle.send(producer, sequence) }
                let payloads = sequences.map { Oracle.payload(producer, $0) }.joined(separator: ",")
                let answer = members(
                    try peer.ask(
                        #"{"type":"publish","producer_id":"\#(producer)","sequence":\#(sequences[0]),"payloads":[\#(payloads)]}"#
                    ))
                if answer["success"] as? Bool == true {
                    let offset = try #require(answer["offset"] as? Int64)
                    for (place, sequence) in sequences.enumerated() {
                        oracle.acknowledge(producer, sequence, offset: offset + Int64(place))
                    }
                    outcomes.append(.stored)
                } else {
                    outcomes.append(.refused(try #require(answer["code"] as? String)))
                }
            }
            let commit = members(try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":\#(round)}"#))
            if commit["success"] as? Bool == true {
                outcomes.append(.stored)
                committed = round
            } else {
                outcomes.append(.refused(try #require(commit["code"] as? String)))
            }
        }
        return (outcomes, committed)
    }

    private func check(_ directory: FaultDirectory, _ oracle: Oracle, _ committed: Int64, _ comment: Comment) throws {
        // The opening recovers what can be recovered; what it leaves is held against the promises.
        _ = try MessageLog(directory: directory)
        #expect(oracle.violations(in: directory.segments) == [], comment)
        // A commit whose answer was refused may be there all the same.
        #expect(try PositionJournal(directory: directory).offsets["s"] ?? -1 >= committed, comment)
    }

    @Test(
        "whichever operation fails, nothing that was acknowledged is lost, and after a failed write or sync nothing is acknowledged any more",
        arguments: policies)
    func everyOperation(policy: MQServer.SyncPolicy) async throws {
        let kinds: Set<FaultDirectory.Operation> = [.write, .syncFile, .truncate, .syncNames, .rename, .open]
        var number = 0
        while true {
            number += 1
            let directory = FaultDirectory(
                fault: .init(kinds: kinds, number: number, code: EIO, written: Double(number % 3) / 2))
            var oracle = Oracle()
            var committed: Int64 = -1
            if let server = try? await server(directory, policy) {
                let outcomes: [Outcome]
                (outcomes, committed) = try workload(server.port, &oracle)
                if let failed = outcomes.firstIndex(where: { $0 != .stored }) {
                    #expect(
                        outcomes[failed...].allSatisfy { $0 == .refused("storage_failed") },
                        "fault \(number) of \(policy): \(outcomes)")
                }
                await server.shutdown(within: .zero)
            }
            let comment: Comment = "fault \(number) (\(directory.hit?.rawValue ?? "none")) of \(policy)"
            try check(directory.afterProcessEnd(), oracle, committed, comment)
            if policy == .always {
                var random = SeededRandom(seed: UInt64(number))
                try check(directory.afterPowerLoss(using: &random), oracle, committed, "power loss after \(comment)")
            }
            if directory.hit == nil { break }
        }
        #expect(number > 20)
    }

    @Test("a log takes nothing after a failed write, and says why, whoever asks it")
    func logAlone() throws {
        var (number, failures) = (0, 0)
        var wasHit = true
        while wasHit {
            number += 1
            let directory = FaultDirectory(fault: .init(kinds: [.write], number: number, code: EIO, written: 0.5))
            let log = try MessageLog(directory: directory, configuration: .init())
            var reasons: [String] = []
            for n in 0..<4 {
                var batch = AppendBatch(firstOffset: log.nextOffset)
                Array("\(n)".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: Int64(n)) }
                do {
                    try log.append(batch)
                    #expect(reasons == [], "write \(number), append \(n)")
                } catch {
                    reasons.append("\(error)")
                }
            }
            #expect(Set(reasons).count <= 1)
            wasHit = directory.hit != nil
            if !reasons.isEmpty { failures += 1 }
        }
        #expect(failures > 2)
    }

    @Test("looking for room leaves the log's file as it was")
    func room() throws {
        let directory = FaultDirectory()
        let log = try MessageLog(directory: directory, configuration: .init())
        var batch = AppendBatch(firstOffset: 0)
        Array("1".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: 1) }
        try log.append(batch)
        let name = try #require(directory.fileNames().first { $0.hasSuffix(".log") })
        let size = try directory.size(of: name)
        try log.tryRoom(for: 100_000)
        #expect(try directory.size(of: name) == size)
    }

    @Test(
        "a full device refuses the publish, keeps the log, and takes publishes again when there is room",
        arguments: policies)
    func full(policy: MQServer.SyncPolicy) async throws {
        var number = 0
        var refusals = 0
        while true {
            number += 1
            let directory = FaultDirectory(fault: .init(kinds: [.write], number: number, code: ENOSPC, written: 0.5))
            var oracle = Oracle()
            let server = try await server(directory, policy)
            let (outcomes, committed) = try workload(server.port, &oracle)
            #expect(
                outcomes.allSatisfy { $0 == .stored || $0 == .refused("storage_full") },
                "write \(number) of \(policy): \(outcomes)")
            #expect(outcomes.filter { $0 != .stored }.count <= 1)
            refusals += outcomes.filter { $0 != .stored }.count
            // Still readable, up to the last message.
            let reader = try RawPeer(port: server.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            for offset in 0..<oracle.acknowledged.count {
                #expect(members(try reader.receive())["offset"] as? Int == offset)
            }
            await server.shutdown(within: .zero)
            try check(directory.afterProcessEnd(), oracle, committed, "full at write \(number) of \(policy)")
            if directory.hit == nil { break }
        }
        #expect(refusals > 10)
    }

    @Test(
        "if there is no descriptor for a file, the publish is refused, and publishing goes on when there is one",
        arguments: policies)
    func noDescriptor(policy: MQServer.SyncPolicy) async throws {
        var number = 0
        var refusals = 0
        while true {
            number += 1
            let directory = FaultDirectory(fault: .init(kinds: [.open], number: number, code: EMFILE))
            var oracle = Oracle()
            // The first files are opened when the server starts.
            guard let server = try? await server(directory, policy) else { continue }
            let (outcomes, committed) = try workload(server.port, &oracle)
            #expect(
                outcomes.allSatisfy { $0 == .stored || $0 == .refused("storage_full") },
                "file \(number) of \(policy): \(outcomes)")
            #expect(outcomes.last == .stored)
            refusals += outcomes.filter { $0 != .stored }.count
            await server.shutdown(within: .zero)
            try check(directory.afterProcessEnd(), oracle, committed, "no descriptor at file \(number) of \(policy)")
            if directory.hit == nil { break }
        }
        #expect(refusals > 0)
    }

    @Test(
        "with the policy always, whenever the power goes or the server is killed, everything acknowledged is there and producers can go on",
        arguments: 0..<40)
    func powerLoss(round: Int) async throws {
        var random = SeededRandom(seed: UInt64(round))
        var directory = FaultDirectory()
        var oracle = Oracle()
        for life in 0..<4 {
            let server = try await server(directory, .always)
            let peer = try RawPeer(port: server.port)
            // A producer begins by repeating what it may have lost the answers to.
            for sequence in Int64(max(0, life * 10 - 3))..<Int64(life * 10 + Int.random(in: 5...10, using: &random)) {
                oracle.send("p", sequence)
                let answer = members(
                    try peer.ask(
                        #"{"type":"publish","producer_id":"p","sequence":\#(sequence),"payload":\#(Oracle.payload("p", sequence))}"#
                    ))
                if answer["code"] as? String == "stale_sequence" { continue }
                oracle.acknowledge(
                    "p", sequence, offset: try #require(answer["offset"] as? Int64, "life \(life): \(answer)"))
            }
            // Some more, whose answers the power loss may swallow.
            for sequence in Int64(life * 10 + 10)..<Int64(life * 10 + 10 + Int.random(in: 1...3, using: &random)) {
                oracle.send("p", sequence)
                try peer.send(
                    #"{"type":"publish","producer_id":"p","sequence":\#(sequence),"payload":\#(Oracle.payload("p", sequence))}"#
                )
            }
            // A kill leaves unsynced what the next power loss may take.
            let left =
                Int.random(in: 0..<3, using: &random) == 0
                ? directory.afterProcessEnd() : directory.afterPowerLoss(using: &random)
            await server.shutdown(within: .zero)
            directory = left
            try check(directory, oracle, -1, "seed \(round), life \(life)")
        }
    }
}
