import FaultSupport
import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQProtocol

@Suite("A client that meets another log", .timeLimit(.minutes(20)))
struct OtherLogClientTests {
    private static let a = String(repeating: "a", count: 32)
    private static let b = String(repeating: "b", count: 32)

    private static func members(_ id: String, _ epoch: Int) -> String {
        #","log_id":"\#(id)","log_epoch":"\#(String(repeating: "0", count: 15))\#(epoch)""#
    }

    /// What a subscription reports of the logs that it reads.
    private final class Watch: Sendable {
        let resets = Mutex<[(id: String, MQClient.LogReset)]>([])
        let skipped = Mutex<[Int64]>([])
        let changes = Mutex<[String]>([])

        func configuration(_ port: Int, isScripted: Bool = false) -> MQClient.Configuration {
            var settings = isScripted ? patientConfiguration(port) : quickConfiguration(port)
            settings.onEvent = { [self] event in
                switch event {
                case .logReset(let id, let reset): resets.withLock { $0.append((id, reset)) }
                case .messagesSkipped(_, let count, _): skipped.withLock { $0.append(count) }
                case .publishingToOtherLog(let old, let new): changes.withLock { $0.append("\(old) \(new)") }
                default: break
                }
            }
            return settings
        }

        var all: [MQClient.LogReset] { resets.withLock { $0.map(\.1) } }
    }

    private func publish(_ text: String, _ range: Range<Int>, _ client: MQClient) async throws {
        _ = try await client.publish(range.map { Array("\"\(text) \($0)\"".utf8) })
    }

    private func read(_ count: Int, _ messages: inout Subscription.Iterator) async throws -> [String] {
        var read: [String] = []
        while read.count < count, let message = try await messages.next() {
            read.append("\(message.offset) " + String(decoding: message.payload, as: UTF8.self).filter { $0 != "\"" })
        }
        return read
    }

    // MARK: Real servers

    @Test(
        "a log in memory that began anew and has grown longer: every message of both is delivered, and an event names subscription and logs"
    )
    func memoryRestart() async throws {
        let first = try await startTestServer()
        let port = first.port
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(port)) { client in
            try await publish("first", 0..<5, client)
            var messages = client.subscribe(id: "reader", from: .earliest).makeAsyncIterator()
            #expect(try await read(5, &messages) == (0..<5).map { "\($0) first \($0)" })
            let old = try await client.newestPosition()
            await first.shutdown()
            let second = try await startTestServer(port: port)
            // Longer than the first was, before the subscription is back.
            try await MQClient.withClient(quickConfiguration(port)) { try await publish("second", 0..<15, $0) }
            #expect(try await read(15, &messages) == (0..<15).map { "\($0) second \($0)" })
            let new = try await client.newestPosition()
            #expect(old.logID != nil && new.logID != nil && old.logID != new.logID)
            #expect(
                watch.all == [MQClient.LogReset(oldLogID: old.logID, newLogID: new.logID, nextOffset: 0, rewound: 0)])
            #expect(watch.resets.withLock { $0.map(\.id) } == ["reader"])
            #expect(watch.changes.withLock { $0 } == ["\(old.logID ?? "") \(new.logID ?? "")"])
            #expect(new.messages(after: old) == 15 && old.messages(after: nil) == 5)
            await second.shutdown()
        }
    }

    @Test(
        "with the policy to fail, the subscription ends with a code of its own, behind what had arrived, and its position is kept"
    )
    func failing() async throws {
        let first = try await startTestServer()
        let port = first.port
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(port)) { client in
            try await publish("first", 0..<5, client)
            let subscription = client.subscribe(id: "reader", from: .earliest, onOtherLog: .fail)
            var messages = subscription.makeAsyncIterator()
            #expect(try await messages.next()?.offset == 0)
            while subscription.handle.buffer.count < 4 { await Task.yield() }
            await first.shutdown()
            let second = try await startTestServer(port: port)
            #expect(try await read(4, &messages).last == "4 first 4")
            #expect(await errorCode { _ = try await messages.next() } == .otherLog)
            // What was read of the first log is not committed to the second.
            try await publish("second", 0..<15, client)
            #expect(await errorCode { try await subscription.commit(through: 4) } == .otherLog)
            #expect(try await client.positions().isEmpty)
            #expect(watch.all.isEmpty)
            await second.shutdown()
        }
    }

    @Test(
        "a position that a user has stored resumes exactly, and finds out when the log is another one",
        arguments: [true, false])
    func storedPosition(fails: Bool) async throws {
        let first = try await startTestServer()
        let port = first.port
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(port)) { client in
            try await publish("first", 0..<5, client)
            let third = try await client.subscribe(from: .earliest).first { $0.offset == 2 }
            // Through a user's database.
            let text = try #require(third?.position.description)
            let position = try #require(LogPosition(text))
            #expect(position == third?.position && position.offset == 2 && position.logID?.count == 32)
            #expect(try await client.subscribe(from: .after(position)).first { _ in true }?.offset == 3)
            await first.shutdown()
            let second = try await startTestServer(port: port)
            try await publish("second", 0..<15, client)
            let subscription = client.subscribe(
                id: "later", from: .after(position), onOtherLog: fails ? .fail : .startAtOldest)
            var messages = subscription.makeAsyncIterator()
            if fails {
                #expect(await errorCode { _ = try await messages.next() } == .otherLog)
            } else {
                #expect(try await read(15, &messages) == (0..<15).map { "\($0) second \($0)" })
                #expect(watch.all.map(\.oldLogID) == [position.logID])
            }
            #expect(await errorCode { try await subscription.commit(through: position) } == .otherLog)
            await second.shutdown()
        }
    }

    @Test(
        "a restored backup, and a tail that the log has lost: what is written in their place is delivered",
        arguments: ["backup", "tail"])
    func lostMessages(how: String) async throws {
        let directory = TemporaryDirectory()
        let backup = TemporaryDirectory()
        defer {
            directory.remove()
            backup.remove()
        }
        let files = FileManager.default
        func copy(_ from: TemporaryDirectory, _ to: TemporaryDirectory) throws {
            try files.removeItem(atPath: to.path)
            try files.copyItem(atPath: from.path, toPath: to.path)
        }
        var server = try await startTestServer(directory)
        let port = server.port
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(port)) { client in
            try await publish("kept", 0..<10, client)
            if how == "backup" {
                // The copy ends in an epoch that is over; what is read then comes in a later one.
                await server.shutdown()
                try copy(directory, backup)
                server = try await startTestServer(directory, port: port)
            }
            try await publish("lost", 10..<20, client)
            var messages = client.subscribe(id: "reader", from: .earliest).makeAsyncIterator()
            #expect(try await read(20, &messages).count == 20)
            await server.shutdown()
            if how == "backup" {
                try copy(backup, directory)
            } else {
                let segment = try #require(
                    try files.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".log") }.sorted().last)
                let bytes = try Data(contentsOf: directory.file(segment))
                // The frames of the last ten go, whole: a power loss that took pages of the file.
                let text = Array(#""message_id":"10","#.utf8)
                let at = try #require(bytes.firstRange(of: Data(text))).lowerBound
                try bytes[..<(at - Array(#"....{"type":"message","#.utf8).count)].write(to: directory.file(segment))
                for name in try files.contentsOfDirectory(atPath: directory.path) where name.hasSuffix(".index") {
                    try files.removeItem(at: directory.file(name))
                }
            }
            server = try await startTestServer(directory, port: port)
            try await MQClient.withClient(quickConfiguration(port)) { try await publish("new", 10..<30, $0) }
            let new = (10..<30).map { "\($0) new \($0)" }
            if how == "backup" {
                #expect(try await read(30, &messages) == (0..<10).map { "\($0) kept \($0)" } + new)
                #expect(watch.all.map(\.nextOffset) == [0] && watch.all.map(\.rewound) == [0])
            } else {
                #expect(try await read(20, &messages) == new)
                #expect(watch.all.map(\.nextOffset) == [10] && watch.all.map(\.rewound) == [10])
            }
            #expect(watch.all.first?.oldLogID == watch.all.first?.newLogID)
        }
        await server.shutdown()
    }

    @Test("a position that was committed to another log is a reset for its subscriber, which names that log; or fails")
    func committedElsewhere() async throws {
        let (first, second) = (TemporaryDirectory(), TemporaryDirectory())
        defer {
            first.remove()
            second.remove()
        }
        var server = try await startTestServer(first)
        let port = server.port
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(port)) { client in
            try await publish("first", 0..<5, client)
            try await client.subscribe(id: "reader").commit(through: 3)
            let old = try await client.newestPosition().logID
            await server.shutdown()
            // The positions of one directory come into another.
            server = try await startTestServer(second, port: port)
            try await publish("second", 0..<15, client)
            await server.shutdown()
            let journal = "positions.journal"
            try? FileManager.default.removeItem(at: second.file(journal))
            try FileManager.default.copyItem(at: first.file(journal), to: second.file(journal))
            server = try await startTestServer(second, port: port)
            let strict = client.subscribe(id: "reader", from: .committed, onOtherLog: .fail)
            #expect(await errorCode { for try await _ in strict {} } == .otherLog)
            let subscription = client.subscribe(id: "reader", from: .committed)
            var messages = subscription.makeAsyncIterator()
            #expect(try await read(15, &messages) == (0..<15).map { "\($0) second \($0)" })
            #expect(watch.all.map(\.oldLogID) == [old] && watch.all.map(\.nextOffset) == [0])
            try await subscription.commit(through: 9)
            subscription.close()
            #expect(try await client.subscribe(id: "reader", from: .committed).first { _ in true }?.offset == 10)
            #expect(watch.all.count == 1)
        }
        await server.shutdown()
    }

    // MARK: Scripted servers

    @Test(
        "a commit whose response was lost is sent again for the log it was meant for, and never lands in another",
        arguments: [true, false])
    func commitInFlight(isOfMessage: Bool) async throws {
        let named = Mutex<[String]>([])
        let server = try ScriptedServer { number, peer in
            let log = Self.members(number == 0 ? Self.a : Self.b, number)
            try peer.greet(log)
            if isOfMessage, number == 0 {
                try peer.acceptSubscription(log)
                try peer.sendBytes(messageFrame(0, "0") + messageFrame(1, "1"))
            } else if isOfMessage {
                let request = try peer.expect("subscribe")
                #expect(request["log_id"] as? String == Self.a && request["offset"] as? Int == 2)
                try peer.send(#"{"type":"response","success":true,"request_id":1,"offset":0,"log_reset":true\#(log)}"#)
            }
            let request = try peer.expect("ack")
            named.withLock { $0.append(request["log_id"] as? String ?? "none") }
            guard number > 0 else { return }
            try peer.send(
                #"{"type":"error","error":"another","code":"other_log","request_id":\#(request["request_id"] as? Int ?? 0)}"#
            )
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let subscription = client.subscribe(id: "s", from: .earliest)
            if isOfMessage {
                var messages = subscription.makeAsyncIterator()
                _ = try await read(2, &messages)
            }
            #expect(await errorCode { try await subscription.commit(through: 1) } == .otherLog)
        }
        #expect(named.withLock { $0 } == [Self.a, Self.a])
        try server.finish()
    }

    @Test("an offset is committed to the log of the message that was taken last, a position to its own")
    func commitAfterReset() async throws {
        let (acks, ack) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { number, peer in
            let log = Self.members(number == 0 ? Self.a : Self.b, number)
            try peer.greet(log)
            if number == 0 {
                try peer.acceptSubscription(log)
                return try peer.sendBytes((0..<4).flatMap { messageFrame($0, "\($0)") })
            }
            try peer.acceptSubscription(beginsAt: 0, log + #","log_reset":true"#)
            for n in 0..<3 { try peer.sendBytes(messageFrame(n, "\(n)")) }
            while true {
                let request = try peer.acceptCommit()
                ack.yield("\(request["offset"] ?? "") \((request["log_id"] as? String)?.prefix(1) ?? "-")")
            }
        }
        var told = acks.makeAsyncIterator()
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let subscription = client.subscribe(id: "s", from: .earliest)
            var messages = subscription.makeAsyncIterator()
            _ = try await read(2, &messages)
            let older = try #require(try await messages.next())
            #expect(try await messages.next()?.offset == 3)
            // Of the other log three have arrived, and none is taken.
            while subscription.handle.buffer.count < 3 { await Task.yield() }
            try await subscription.commit(through: 2)
            #expect(await told.next() == "2 a")
            #expect(try await messages.next()?.offset == 0)
            for (offset, expected) in [(0, "0 b"), (3, "3 a")] as [(Int64, String)] {
                try await subscription.commit(through: offset)
                #expect(await told.next() == expected)
            }
            try await subscription.commit(through: older.position)
            #expect(await told.next() == "2 a")
        }
        try server.finish()
    }

    @Test(
        "a server that does not name its log is used as before; its log_reset is an event, or with the policy to fail the end",
        arguments: [false, true])
    func olderServer(fails: Bool) async throws {
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            if number == 0 {
                let request = try peer.expect("subscribe")
                #expect(request["log_id"] == nil && request["log_epoch"] == nil)
                try peer.send(#"{"type":"response","success":true,"request_id":1,"offset":0}"#)
                return try peer.sendBytes(messageFrame(0, "0") + messageFrame(1, "1"))
            }
            #expect(try peer.acceptSubscription(beginsAt: 0, #","log_reset":true"#) == 2)
            try peer.sendBytes(messageFrame(0, "0"))
            #expect(try peer.acceptCommit()["log_id"] == nil)
            try peer.readToEnd()
        }
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(server.port, isScripted: true)) { client in
            let subscription = client.subscribe(id: "s", from: .earliest, onOtherLog: fails ? .fail : .startAtOldest)
            var messages = subscription.makeAsyncIterator()
            #expect(try await read(2, &messages) == ["0 0", "1 1"])
            if fails {
                #expect(await errorCode { _ = try await messages.next() } == .otherLog)
            } else {
                let message = try await messages.next()
                #expect(message?.offset == 0 && message?.position.log == nil && message?.position.description == "0")
                try await subscription.commit(through: 0)
                #expect(watch.all == [MQClient.LogReset(oldLogID: nil, newLogID: nil, nextOffset: 0, rewound: 0)])
            }
        }
        try server.finish()
    }

    @Test("a server that delivers another log than was asked for without saying so is not believed")
    func contradiction() async throws {
        let server = try ScriptedServer { number, peer in
            let log = Self.members(number == 0 ? Self.a : Self.b, number)
            try peer.greet(log)
            try peer.acceptSubscription(log)
            try peer.sendBytes(messageFrame(number, "\(number)"))
            if number > 0 { try peer.readToEnd() }
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var messages = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            let first = try await read(1, &messages)
            #expect(first == ["0 0"])
            #expect(await errorCode { _ = try await messages.next() } == .protocolViolation)
        }
        try server.finish()
    }

    @Test("what a server leaves out is reported, also when it does not count it")
    func silentSkip() async throws {
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            try peer.acceptSubscription(beginsAt: number * 7)
            try peer.sendBytes(messageFrame(number * 7, "\(number)"))
            if number > 0 { try peer.readToEnd() }
        }
        let watch = Watch()
        try await MQClient.withClient(watch.configuration(server.port, isScripted: true)) { client in
            var messages = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            let seen = try await read(2, &messages)
            #expect(seen == ["0 0", "7 1"])
        }
        #expect(watch.skipped.withLock { $0 } == [6])
        try server.finish()
    }

    @Test(
        "extreme offsets from a server are an error, not the end of the process",
        arguments: [
            #"{"type":"message","offset":9223372036854775807,"payload":1}"#,
            #"{"type":"message","offset":-9223372036854775808,"payload":1}"#,
            #"{"type":"error","error":"x","code":"offset_out_of_range","oldest_offset":9223372036854775807}"#
                + "|" + #"{"type":"message","offset":9223372036854775807,"payload":1}"#,
        ])
    func extremes(frames: String) async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription(beginsAt: 0)
            for frame in frames.split(separator: "|") { try peer.send(String(frame)) }
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let code = try #require(
                await errorCode { for try await _ in client.subscribe(id: "s", from: .earliest) {} })
            #expect([.protocolViolation, .corruptMessage].contains(code))
        }
        try server.finish()
    }
}
