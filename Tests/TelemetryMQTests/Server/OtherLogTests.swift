import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("A log that is not the one that was read", .timeLimit(.minutes(20)))
struct OtherLogTests {
    private struct Read {
        var logID: String
        var epoch: String
        var offset: Int
    }

    private func start(_ path: String?, _ events: @escaping @Sendable (String) -> Void = { _ in }) async throws
        -> MQServer
    {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.dataDirectory = path
        configuration.onEvent = { events("\($0)") }
        return try await MQServer(configuration: configuration)
    }

    private func publish(_ count: Int, _ text: String, to server: MQServer) throws {
        let peer = try RawPeer(port: server.port)
        for n in 0..<count {
            #expect(
                members(try peer.ask(#"{"type":"publish","payload":"\#(text) \#(n)"}"#))["success"] as? Bool == true)
        }
    }

    /// Reads up to the newest message, and commits one fewer than all.
    private func read(_ server: MQServer, _ count: Int) throws -> Read {
        let reader = try RawPeer(port: server.port)
        let start = members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":-2}"#))
        for _ in 0..<count { _ = try reader.receive() }
        let read = Read(
            logID: try #require(start["log_id"] as? String), epoch: try #require(start["log_epoch"] as? String),
            offset: count)
        let ack =
            #"{"type":"ack","subscriber_id":"s","offset":\#(count - 2),"log_id":"\#(read.logID)","log_epoch":"\#(read.epoch)"}"#
        #expect(members(try reader.ask(ack))["success"] as? Bool == true)
        return read
    }

    private func resume(_ server: MQServer, _ read: Read, _ more: String = "", offset: String? = nil) throws -> (
        [String: Any], RawPeer
    ) {
        let reader = try RawPeer(port: server.port)
        let epoch = offset == nil ? #","log_epoch":"\#(read.epoch)""# : ""
        let request =
            #"{"type":"subscribe","subscriber_id":"s","offset":\#(offset ?? "\(read.offset)"),"log_id":"\#(read.logID)"\#(epoch)\#(more)}"#
        return (members(try reader.ask(request)), reader)
    }

    @Test(
        "every response that promises it names the log, alike, and in a directory the id stays while the epoch changes",
        arguments: [true, false])
    func named(isDurable: Bool) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var ids: Set<String> = []
        var epochs: Set<String> = []
        for life in 0..<3 {
            let server = try await start(isDurable ? directory.path : nil)
            let peer = try RawPeer(port: server.port)
            let requests = [
                #"{"type":"hello"}"#, #"{"type":"publish","payload":1,"request_id":1}"#,
                #"{"type":"publish","payloads":[1,2]}"#,
                #"{"type":"publish","payload":1,"producer_id":"p","sequence":\#(life)}"#,
                #"{"type":"publish","payload":1,"producer_id":"p","sequence":\#(life)}"#,
                #"{"type":"get_stats"}"#, #"{"type":"subscribe","subscriber_id":"s"}"#,
            ]
            for (index, request) in requests.enumerated() {
                let answer = members(try peer.ask(request))
                let id = try #require(answer["log_id"] as? String, "\(answer)")
                #expect(id.wholeMatch(of: /[0-9a-f]{32}/) != nil)
                ids.insert(id)
                guard !(1...4).contains(index) else { continue }
                let epoch = try #require(answer["log_epoch"] as? String, "\(answer)")
                #expect(epoch.wholeMatch(of: /[0-9a-f]{16}/) != nil)
                epochs.insert(epoch)
                guard let payload = answer["payload"] as? [String: Any] else { continue }
                #expect(payload["log_id"] as? String == id && payload["log_epoch"] as? String == epoch)
            }
            await server.shutdown()
        }
        #expect(ids.count == (isDurable ? 1 : 3) && epochs.count == 3)
        guard isDurable else { return }
        let log = try LogInspection(directory: directory.path)
        #expect(
            log.logID == ids.first && epochs.contains(log.logEpoch ?? "") && log.epochCount == 3 && log.problems == [])
    }

    @Test(
        "a subscriber of a log in memory that began anew, and is longer than what it read, gets all of it from the beginning"
    )
    func memory() async throws {
        var server = try await start(nil)
        try publish(5, "first", to: server)
        let known = try read(server, 5)
        await server.shutdown()
        server = try await start(nil)
        try publish(15, "second", to: server)
        for offset in [nil, "\"committed\"", "-1", "0"] {
            let (response, reader) = try resume(server, known, offset: offset)
            #expect(response["offset"] as? Int == 0 && response["log_reset"] as? Bool == true)
            for n in 0..<15 { #expect(members(try reader.receive())["payload"] as? String == "second \(n)") }
        }
        let (refusal, reader) = try resume(server, known, #","on_other_log":"fail""#)
        #expect(refusal["code"] as? String == "other_log" && refusal["oldest_offset"] as? Int == 0)
        #expect((refusal["log_id"] as? String).map { $0.count == 32 && $0 != known.logID } == true)
        // The connection goes on, and nothing was committed to this log.
        let ack = #"{"type":"ack","subscriber_id":"s","offset":4,"log_id":"\#(known.logID)"}"#
        #expect(members(try reader.ask(ack))["code"] as? String == "other_log")
        #expect(!(try reader.ask(#"{"type":"list_positions"}"#).contains("committed_offset")))
        await server.shutdown()
    }

    @Test("clients that do not know log_id work as before")
    func withoutNames() async throws {
        let server = try await start(nil)
        try publish(5, "m", to: server)
        for (offset, begins, isReset) in [
            ("3", 3, nil), ("5", 5, nil), ("6", 0, true), ("9223372036854775807", 0, true),
        ] as [(String, Int, Bool?)] {
            let answer = members(
                try RawPeer(port: server.port).ask(#"{"type":"subscribe","subscriber_id":"s","offset":\#(offset)}"#))
            #expect(answer["offset"] as? Int == begins && answer["log_reset"] as? Bool == isReset)
        }
        let refusal = members(
            try RawPeer(port: server.port).ask(
                #"{"type":"subscribe","subscriber_id":"s","offset":6,"on_other_log":"fail"}"#))
        #expect(refusal["code"] as? String == "other_log")
        await server.shutdown()
    }

    @Test(
        "after a backup is restored, the subscriber goes on where the copy ends, or from the oldest message if it read a later life of the log",
        arguments: [false, true])
    func restoredBackup(isRestarted: Bool) async throws {
        let directory = TemporaryDirectory()
        let backup = TemporaryDirectory()
        defer { directory.remove() }
        defer { backup.remove() }
        var server = try await start(directory.path)
        try publish(5, "kept", to: server)
        // As Operations describes it, while the server runs.
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) where name != "LOCK" {
            try FileManager.default.copyItem(at: directory.file(name), to: backup.file(name))
        }
        if isRestarted {
            await server.shutdown()
            server = try await start(directory.path)
        }
        try publish(5, "lost", to: server)
        let known = try read(server, 10)
        await server.shutdown()

        server = try await start(backup.path)
        try publish(20, "new", to: server)
        let (response, reader) = try resume(server, known)
        #expect(response["log_reset"] as? Bool == true)
        #expect(
            response["offset"] as? Int == (isRestarted ? 0 : 5)
                && response["rewound"] as? Int == (isRestarted ? nil : 5))
        if !isRestarted {
            for n in 0..<20 { #expect(members(try reader.receive())["payload"] as? String == "new \(n)") }
        }
        #expect(try resume(server, known, #","on_other_log":"fail""#).0["code"] as? String == "other_log")
        // A late commit of a message that the log has lost must not pass for one of the message that took its offset.
        let late = try RawPeer(port: server.port)
        let ack =
            #"{"type":"ack","subscriber_id":"s","offset":9,"log_id":"\#(known.logID)","log_epoch":"\#(known.epoch)"}"#
        #expect(members(try late.ask(ack))["code"] as? String == "other_log")
        await server.shutdown()
    }

    @Test(
        "after a power loss that took the tail, subscribers and positions go back to where it began, and that is reported",
        arguments: 0..<10)
    func lostTail(seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        func server(_ directory: FaultDirectory, _ events: @escaping @Sendable (String) -> Void = { _ in }) async throws
            -> MQServer
        {
            var configuration = MQServer.Configuration()
            configuration.port = 0
            configuration.httpPort = nil
            // Synced by a clean end only.
            configuration.sync = .never
            configuration.onEvent = { events("\($0)") }
            return try await MQServer(configuration: configuration) { directory }
        }
        var directory = FaultDirectory()
        var first = try await server(directory)
        try publish(5, "kept", to: first)
        await first.shutdown()
        directory = directory.afterProcessEnd()
        first = try await server(directory)
        try publish(5, "unsynced", to: first)
        let known = try read(first, 10)
        let lost = directory.afterPowerLoss(using: &random)
        await first.shutdown(within: .zero)

        let events = Mutex<[String]>([])
        let second = try await server(lost) { event in events.withLock { $0.append(event) } }
        let end = Int(second.recovery.nextOffset)
        #expect((5...10).contains(end))
        try publish(20, "new", to: second)
        let (response, reader) = try resume(second, known)
        #expect(response["offset"] as? Int == end)
        #expect(
            response["log_reset"] as? Bool == (end < 10 ? true : nil)
                && response["rewound"] as? Int == (end < 10 ? 10 - end : nil))
        #expect(members(try reader.receive())["payload"] as? String == "new 0")
        // The position may have been lost with its page; it never lies beyond what was kept.
        let (committed, _) = try resume(second, known, offset: "\"committed\"")
        #expect(try #require(committed["offset"] as? Int) <= end)
        await second.shutdown()
        let inspected = lost.files[LogIdentityFile.name].flatMap { LogIdentity(json: $0) }
        #expect(inspected?.idText == known.logID)
    }

    @Test("verify calls a position beyond the end of the log unsound, and the next start repairs it")
    func verify() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var server = try await start(directory.path)
        try publish(10, "m", to: server)
        _ = try read(server, 10)
        await server.shutdown()
        #expect(try LogInspection(directory: directory.path).problems == [])
        // The end of the log is gone, and what is left is whole.
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: directory.path).first { $0.hasSuffix(".log") })
        let bytes = try Data(contentsOf: directory.file(name))
        try bytes.prefix(bytes.count / 10 * 5).write(to: directory.file(name))
        let problems = try LogInspection(directory: directory.path).problems
        #expect(
            problems.count == 1 && problems[0].contains("position of s")
                && problems[0].contains(PositionJournal.fileName))
        let events = Mutex<[String]>([])
        server = try await start(directory.path) { event in events.withLock { $0.append(event) } }
        #expect(events.withLock { $0.contains { $0.contains("position of s") } })
        let start = members(
            try RawPeer(port: server.port).ask(#"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))
        #expect(start["offset"] as? Int64 == server.recovery.nextOffset)
        await server.shutdown()
        #expect(try LogInspection(directory: directory.path).problems == [])
    }

    @Test(
        "a directory of an older version gets an identity and keeps its positions; a lost or damaged identity is reported, and its positions begin anew",
        arguments: [
            "older", "lost", "damaged", "empty",
        ])
    func withoutIdentity(how: String) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var server = try await start(directory.path)
        try publish(10, "m", to: server)
        let known = try read(server, 10)
        await server.shutdown()
        let file = directory.file(LogIdentityFile.name)
        switch how {
        case "damaged":
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: file)
        case "empty": try Data().write(to: file)
        default: try FileManager.default.removeItem(at: file)
        }
        if how == "older" {
            let journal = directory.file(PositionJournal.fileName)
            try FileManager.default.removeItem(at: journal)
            let older = try PositionJournal(directory: DiskDirectory(path: directory.path))
            try older.commit("s", offset: 8)
        }
        let found = try LogInspection(directory: directory.path)
        #expect(found.problems.isEmpty == (how == "older") && found.logID == nil)
        #expect((found.problems + found.notices).contains { $0.contains(LogIdentityFile.name) })

        let events = Mutex<[String]>([])
        server = try await start(directory.path) { event in events.withLock { $0.append(event) } }
        #expect(events.withLock { $0.contains { $0.contains(LogIdentityFile.name) } })
        let start = members(
            try RawPeer(port: server.port).ask(#"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))
        #expect(start["offset"] as? Int == (how == "older" ? 9 : 0))
        #expect(start["log_id"] as? String != known.logID)
        #expect(try resume(server, known).0["log_reset"] as? Bool == true)
        await server.shutdown()
        #expect(try LogInspection(directory: directory.path).problems == [])
    }

    @Test(
        "nothing of a new epoch is stored before the identity is on the device, and a full device refuses until it is")
    func fullDevice() async throws {
        let directory = FaultDirectory(fault: .init(kinds: [.write], number: 1, code: ENOSPC))
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        let server = try await MQServer(configuration: configuration) { directory }
        #expect(directory.files[LogIdentityFile.name] == nil)
        let peer = try RawPeer(port: server.port)
        let answer = members(try peer.ask(#"{"type":"publish","payload":1}"#))
        #expect(answer["offset"] as? Int == 0)
        var random = SeededRandom(seed: 1)
        let stored = try #require(
            directory.afterPowerLoss(using: &random).files[LogIdentityFile.name].flatMap { LogIdentity(json: $0) })
        #expect(stored.idText == answer["log_id"] as? String && stored.epochs.count == 1)
        await server.shutdown(within: .zero)

        let failing = FaultDirectory(fault: .init(kinds: [.write], number: 1, code: ENOSPC, isPermanent: true))
        let full = try await MQServer(configuration: configuration) { failing }
        let client = try RawPeer(port: full.port)
        #expect(members(try client.ask(#"{"type":"publish","payload":1}"#))["code"] as? String == "storage_full")
        #expect(failing.segments.allSatisfy { $0.bytes.isEmpty })
        await full.shutdown(within: .zero)
    }
}
