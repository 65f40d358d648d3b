import CLinux
import FaultSupport
import Foundation
import TelemetryIO
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("What clients are told, and when", .timeLimit(.minutes(20)))
struct DurabilityTests {
    private func withServer(
        _ directory: FaultDirectory, _ change: (inout MQServer.Configuration) -> Void = { _ in },
        _ body: (MQServer) async throws -> Void
    ) async throws {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        change(&configuration)
        let server = try await MQServer(configuration: configuration) { directory }
        var failure: (any Error)?
        do { try await body(server) } catch { failure = error }
        directory.syncGate.open()
        directory.writeGate.open()
        await server.shutdown(within: .zero)
        if let failure { throw failure }
    }

    @Test("a file's sync is the device's: what cannot be synced says so")
    func realSync() throws {
        // A pipe takes every call of a file but this one.
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let file = DescriptorFile(path: "a pipe", descriptor: ends[1])
        #expect { try file.synchronize() } throws: { ($0 as? SystemError)?.code == EINVAL }
    }

    @Test(
        "with the policy always, neither the answer nor the message comes before the sync has ended, also with each in a segment of its own",
        arguments: [1, 1 << 20] as [Int64])
    func nothingBeforeTheSync(segmentBytes: Int64) async throws {
        let directory = FaultDirectory()
        try await withServer(
            directory,
            {
                $0.sync = .always
                $0.segmentBytes = segmentBytes
            }
        ) { server in
            let reader = try RawPeer(port: server.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            let publisher = try RawPeer(port: server.port)
            for n in 0..<3 {
                directory.syncGate.close()
                try publisher.send(#"{"type":"publish","payload":\#(n)}"#)
                // The second answer comes when all that the first set going is done.
                for _ in 0..<2 { #expect(try publisher.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#) }
                #expect(try reader.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
                let late = try RawPeer(port: server.port)
                #expect(members(try late.ask(#"{"type":"subscribe","subscriber_id":"l"}"#))["offset"] as? Int == n)
                for _ in 0..<2 { #expect(try late.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#) }
                directory.syncGate.open()
                #expect(members(try publisher.receive())["offset"] as? Int == n)
                #expect(members(try reader.receive())["payload"] as? Int == n)
                #expect(members(try late.receive())["payload"] as? Int == n)
            }
        }
    }

    @Test(
        "what two connections send at the same time is stored as it was sent, also behind requests of other kinds",
        arguments: [10, 5000, 100_000])
    func sameRound(payloadBytes: Int) async throws {
        let directory = FaultDirectory()
        try await withServer(directory) { server in
            let first = try RawPeer(port: server.port)
            let peers = try (0..<3).map { _ in try RawPeer(port: server.port) }
            let payloads = ["a", "b", "c"].map { "\"" + String(repeating: $0, count: payloadBytes) + "\"" }
            // Known to the server before the round.
            for peer in peers { _ = try peer.ask(#"{"type":"ping"}"#) }
            // While the server waits, all of it arrives: one round of its loop reads it.
            directory.writeGate.close()
            try first.send(#"{"type":"publish","payload":0}"#)
            directory.writeGate.awaitArrival()
            for (peer, payload) in zip(peers, payloads) {
                try peer.sendBytes(
                    RawPeer.frame(#"{"type":"ping"}"#)
                        + RawPeer.frame(
                            #"{"type":"publish","request_id":"1\#(payload.prefix(2).suffix(1))","payload":\#(payload)}"#
                        )
                        + RawPeer.frame(#"{"type":"publish"}"#)
                        + RawPeer.frame(
                            #"{"type":"publish","request_id":"2\#(payload.prefix(2).suffix(1))","payload":\#(payload)}"#
                        ))
            }
            directory.writeGate.open()
            #expect(members(try first.receive())["offset"] as? Int == 0)
            let reader = try RawPeer(port: server.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            var stored: [Int: String] = [:]
            for offset in 0..<7 {
                let message = members(try reader.receive())
                #expect(message["offset"] as? Int == offset)
                stored[offset] = message["payload"] as? String
            }
            for (peer, payload) in zip(peers, payloads) {
                let letter = payload.prefix(2).suffix(1)
                #expect(try peer.receive() == #"{"type":"pong"}"#)
                for number in 1...2 {
                    let answer = members(try peer.receive())
                    #expect(answer["request_id"] as? String == "\(number)\(letter)")
                    let offset = try #require(answer["offset"] as? Int)
                    #expect(stored[offset] == String(repeating: String(letter), count: payloadBytes))
                    if number == 1 { #expect(members(try peer.receive())["code"] as? String == "invalid_frame") }
                }
            }
        }
    }

    @Test("a message that was refused for want of room is new when it is sent again")
    func repeatedAfterRefusal() async throws {
        // The first write of a server is that of the log's identity.
        let directory = FaultDirectory(fault: .init(kinds: [.write], number: 3, code: ENOSPC))
        try await withServer(directory) { server in
            let peer = try RawPeer(port: server.port)
            let first = #"{"type":"publish","producer_id":"p","sequence":0,"payloads":[1,2]}"#
            let second = #"{"type":"publish","producer_id":"p","sequence":2,"payloads":[3,4]}"#
            #expect(members(try peer.ask(first))["offset"] as? Int == 0)
            #expect(members(try peer.ask(second))["code"] as? String == "storage_full")
            let again = members(try peer.ask(second))
            #expect(again["offset"] as? Int == 2 && again["duplicate"] == nil)
            let repeated = members(try peer.ask(second))
            #expect(repeated["offset"] as? Int == 2 && repeated["duplicate"] as? Bool == true)
            #expect(members(try peer.ask(first))["duplicate"] as? Bool == true)
        }
        #expect(try MessageLog(directory: directory.afterProcessEnd()).nextOffset == 4)
    }

    @Test(
        "a frame that was refused for want of room leaves nothing in the log, also when a shorter one follows",
        arguments: [0.3, 0.95, 1])
    func nothingLeftOfARefusal(written: Double) async throws {
        let directory = FaultDirectory(fault: .init(kinds: [.write], number: 3, code: ENOSPC, written: written))
        var oracle = Oracle()
        oracle.send("p", 0)
        oracle.send("p", 1)
        try await withServer(directory) { server in
            let peer = try RawPeer(port: server.port)
            #expect(
                members(try peer.ask(#"{"type":"publish","payload":\#(Oracle.payload("p", 0))}"#))["offset"] as? Int
                    == 0)
            let refused = (0..<10).map { Oracle.payload("refused", $0) }.joined(separator: ",")
            #expect(
                members(try peer.ask(#"{"type":"publish","payloads":[\#(refused)]}"#))["code"] as? String
                    == "storage_full")
            #expect(
                members(try peer.ask(#"{"type":"publish","payload":\#(Oracle.payload("p", 1))}"#))["offset"] as? Int
                    == 1)
        }
        #expect(oracle.violations(in: directory.segments) == [])
        #expect(try MessageLog(directory: directory.afterProcessEnd()).recovery.cutTail == nil)
    }

    @Test(
        "with the policy always, what a kill left written and not synced is synced before it is acknowledged or delivered",
        arguments: UInt64(0)..<6)
    func unsyncedAfterAKill(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let directory = FaultDirectory()
        let publish = #"{"type":"publish","producer_id":"p","sequence":0,"payload":\#(Oracle.payload("p", 0))}"#
        var oracle = Oracle()
        oracle.send("p", 0)
        var found: FaultDirectory!
        try await withServer(directory, { $0.sync = .always }) { server in
            directory.syncGate.close()
            let peer = try RawPeer(port: server.port)
            try peer.send(publish)
            for _ in 0..<2 { #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#) }
            found = directory.afterProcessEnd()
        }
        var lost: FaultDirectory!
        try await withServer(found, { $0.sync = .always }) { server in
            let peer = try RawPeer(port: server.port)
            if seed % 2 == 0 {
                oracle.acknowledge("p", 0, offset: try #require(members(try peer.ask(publish))["offset"] as? Int64))
            } else {
                _ = try peer.ask(#"{"type":"subscribe","subscriber_id":"s","offset":0}"#)
                oracle.acknowledge("p", 0, offset: try #require(members(try peer.receive())["offset"] as? Int64))
            }
            lost = found.afterPowerLoss(using: &random)
        }
        _ = try MessageLog(directory: lost)
        #expect(oracle.violations(in: lost.segments) == [])
    }

    @Test("what could not be synced is not acknowledged when it is sent again either")
    func repeatedAfterAFailedSync() async throws {
        let directory = FaultDirectory(fault: .init(kinds: [.syncFile], number: 3, code: EIO))
        try await withServer(directory, { $0.sync = .always }) { server in
            let peer = try RawPeer(port: server.port)
            let publishes = (0..<2).map { #"{"type":"publish","producer_id":"p","sequence":\#($0),"payload":\#($0)}"# }
            #expect(members(try peer.ask(publishes[0]))["offset"] as? Int == 0)
            for _ in 0..<2 { #expect(members(try peer.ask(publishes[1]))["code"] as? String == "storage_failed") }
            // Nor is it delivered.
            _ = try peer.ask(#"{"type":"subscribe","subscriber_id":"s","offset":0}"#)
            #expect(members(try peer.receive())["payload"] as? Int == 0)
            #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
        }
    }

    @Test("a subscriber that retention overtakes is told which messages it misses, and gets all others")
    func overtakenByRetention() async throws {
        let directory = FaultDirectory()
        try await withServer(
            directory,
            {
                $0.segmentBytes = 1 << 20
                $0.retentionBytes = 2 << 20
            }
        ) { server in
            let slow = try RawPeer(port: server.port)
            _ = try slow.ask(#"{"type":"subscribe","subscriber_id":"slow","offset":0}"#)
            let peer = try RawPeer(port: server.port)
            let payload = "\"" + String(repeating: "x", count: 100_000) + "\""
            // More than sockets hold.
            let count = 300
            for _ in 0..<count { _ = try peer.ask(#"{"type":"publish","payload":\#(payload)}"#) }
            var oldest = 0
            while oldest < count - 40 {
                let statistics = members(try peer.ask(#"{"type":"get_stats"}"#))["payload"] as? [String: Any]
                oldest = try #require(statistics?["oldest_offset"] as? Int)
            }
            var expected = 0
            var missed = 0
            while expected < count {
                let frame = members(try slow.receive())
                if frame["type"] as? String == "error" {
                    #expect(frame["code"] as? String == "offset_out_of_range")
                    let next = try #require(frame["oldest_offset"] as? Int)
                    missed += next - expected
                    #expect(frame["skipped"] as? Int == next - expected)
                    expected = next
                } else {
                    try #require(frame["offset"] as? Int == expected)
                    expected += 1
                }
            }
            #expect(missed > 0)
        }
    }

    @Test(
        "a power loss while the journal of positions is written anew keeps every position that was synced",
        arguments: UInt64(0)..<8)
    func journalRewrite(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let directory = FaultDirectory()
        let journal = try PositionJournal(directory: directory)
        let ids = (0..<3).map { "\($0)-" + String(repeating: "s", count: 100) }
        var last = 0
        // Past one rewrite; synced just before it.
        while true {
            let before = directory.byteCount(of: PositionJournal.fileName)
            if before > Int(PositionJournal.rewriteBytes) - 1000 {
                try journal.takeUnsynced()?.synchronize()
                try directory.synchronize()
            }
            try journal.commit(ids[last % 3], offset: Int64(last))
            last += 1
            if directory.byteCount(of: PositionJournal.fileName) < before { break }
        }
        let found = try PositionJournal(directory: directory.afterPowerLoss(using: &random)).offsets
        for place in 0..<3 {
            // All but the commit that made the rewrite were synced before it.
            let synced = (0..<last - 1).last { $0 % 3 == place }!
            #expect(found[ids[place]] ?? -1 >= Int64(synced))
        }
    }
}
