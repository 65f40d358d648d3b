import FaultSupport
import Glibc
import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("Accepting connections")
struct AcceptorTests {
    private struct Refused: Error {}

    /// Does with each connection what its list says, and closes it.
    private final class User: AcceptorUser {
        enum Step { case serve, fail, wait }

        var acceptor: Acceptor!
        var steps: [Step]
        var served: [String] = []
        var failures = 0
        let whenDone: () -> Void

        init(_ steps: [Step], whenDone: @escaping () -> Void) {
            self.steps = steps
            self.whenDone = whenDone
        }

        func mayAccept() -> Bool {
            guard steps.first == .wait else { return !steps.isEmpty }
            steps.removeFirst()
            acceptor.pauseForAMoment()
            return false
        }

        func accepted(_ descriptor: Int32, _ peer: SocketAddress) throws {
            defer {
                Socket.close(descriptor)
                if steps.isEmpty { whenDone() }
            }
            guard steps.removeFirst() == .serve else { throw Refused() }
            served.append(peer.description)
        }

        func acceptFailed(_ error: any Error) -> Bool {
            failures += 1
            return false
        }
    }

    private func run(_ steps: [User.Step], clients: Int) async throws -> (served: [String], failures: Int) {
        let loop = try EventLoop.start(name: "test-acceptor")
        defer { loop.stop() }
        let (port, bound) = try await loop.perform {
            let acceptor = try Acceptor(loop: loop, host: "127.0.0.1", port: 0)
            return (acceptor.address.port, LoopBound(acceptor, to: loop))
        }
        let peers = try (0..<clients).map { _ in try RawPeer(port: port) }
        defer { withExtendedLifetime(peers) {} }
        return try await withCheckedThrowingContinuation { continuation in
            loop.execute {
                let acceptor = bound.value
                var user: User!
                user = User(steps) {
                    continuation.resume(returning: (user.served, user.failures))
                    acceptor.close()
                }
                user.acceptor = acceptor
                do { try acceptor.start(user) } catch { continuation.resume(throwing: error) }
            }
        }
    }

    @Test("each client is handed over once, and one that cannot be served does not keep the next from it")
    func serves() async throws {
        let result = try await run([.serve, .fail, .serve, .fail, .serve], clients: 5)
        #expect(Set(result.served).count == 3 && result.failures == 2)
    }

    @Test("a user that has no room is not given a connection before it is asked again")
    func waits() async throws {
        let result = try await run([.serve, .wait, .serve, .wait, .wait, .serve], clients: 3)
        #expect(Set(result.served).count == 3 && result.failures == 0)
    }
}
