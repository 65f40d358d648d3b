import FaultSupport
import Foundation
import Glibc
import Synchronization
import TelemetryIO

@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

/// A server that does what a test says, right or wrong: plain blocking sockets, each connection on a thread of its own.
/// A connection ends with its script.
final class ScriptedServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let failure = Mutex<(any Error)?>(nil)

    /// The script gets the connection's number, from 0. Its errors other than a connection that the client closed are
    /// told by ``finish()``.
    init(_ script: @escaping @Sendable (Int, RawPeer) throws -> Void) throws {
        let (descriptor, address) = try Socket.listen(host: "127.0.0.1", port: 0)
        self.descriptor = descriptor
        port = address.port
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
        Thread.detachNewThread { [self] in
            var number = 0
            while true {
                let accepted = accept(descriptor, nil, nil)
                guard accepted >= 0 else { return }
                Socket.setNoDelay(accepted)
                let current = number
                number += 1
                Thread.detachNewThread { [self] in
                    do {
                        try script(current, RawPeer(accepted: accepted))
                    } catch is RawPeer.Closed {
                    } catch {
                        failure.withLock { $0 = $0 ?? error }
                    }
                }
            }
        }
    }

    /// Accepts no more, and throws what went wrong in a script.
    func finish() throws {
        shutdown(descriptor, Int32(SHUT_RDWR))
        Socket.close(descriptor)
        if let failure = failure.withLock({ $0 }) { throw failure }
    }
}

/// A request that was not what the script waits for.
struct UnexpectedRequest: Error {
    var expected: String
    var got: String
}

extension RawPeer {
    /// The members of the next request, which must be of this type.
    func expect(_ type: String) throws -> [String: Any] {
        let text = try receive()
        let request = members(text)
        guard request["type"] as? String == type else { throw UnexpectedRequest(expected: type, got: text) }
        return request
    }

    /// - Parameter log: the members that name the server's log; empty as of an older server.
    func greet(_ log: String = "") throws {
        _ = try expect("hello")
        try send(#"{"type":"response","success":true,"request_id":0\#(log)}"#)
    }

    /// Waits for a subscribe and answers it; returns the offset that was asked for.
    @discardableResult
    func acceptSubscription(beginsAt start: Int? = nil, _ members: String = "") throws -> Int {
        let asked = try expect("subscribe")["offset"] as? Int ?? -1
        try send(#"{"type":"response","success":true,"request_id":1,"offset":\#(start ?? max(asked, 0))\#(members)}"#)
        return asked
    }

    /// Waits for an ack and answers it; returns its members.
    @discardableResult
    func acceptCommit() throws -> [String: Any] {
        let request = try expect("ack")
        try send(#"{"type":"response","success":true,"request_id":\#(request["request_id"] as? Int ?? 0)}"#)
        return request
    }

    /// Waits for a publish and answers it.
    func acceptPublish(offset: Int) throws {
        let number = try expect("publish")["request_id"] as? Int ?? 0
        try send(#"{"type":"response","success":true,"request_id":\#(number),"offset":\#(offset)}"#)
    }

    /// Until the client closes.
    func readToEnd() throws {
        while true { _ = try receiveFrame() }
    }
}

/// A message's frame with its length bytes.
func messageFrame(_ offset: Int, _ payload: String) -> [UInt8] {
    let body = Array(
        #"{"type":"message","message_id":"\#(offset)","offset":\#(offset),"timestamp":1732380000000000,"payload":\#(payload)"#
            .utf8)
    let summed = withUnsafeBytes(of: UInt32(body.count + 21).bigEndian) { Array($0) } + body
    let digits = String(summed.withUnsafeBytes { CRC32C.checksum($0) }, radix: 16)
    return summed + Array(#","crc32c":"\#(String(repeating: "0", count: 8 - digits.count) + digits)"}"#.utf8)
}
