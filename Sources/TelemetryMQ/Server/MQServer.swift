import Glibc
import Synchronization
import TelemetryNet

/// A message queue server on one append-only log.
///
/// One event loop thread serves all connections; a second one syncs files. May be used from any task.
public final class MQServer: Sendable {
    /// When a publish is answered, in relation to the device.
    public enum SyncPolicy: Sendable, Hashable {
        /// Answered after an `fdatasync` that covers the message: it survives a power loss. Messages that wait at the same
        /// time share one sync.
        case always
        /// Answered after the write: it survives the end of the process at once, and a power loss after the interval.
        case interval(Duration)
        /// Answered after the write: it survives the end of the process; when it survives a power loss is up to the kernel.
        case never
    }

    /// All that a server can be told. Every member has a default.
    public struct Configuration: Sendable {
        /// Address on which clients connect.
        public var host = "127.0.0.1"
        /// 0 takes a free port.
        public var port = 9000
        /// Address of the HTTP endpoints.
        public var httpHost = "127.0.0.1"
        /// Port of `/health`, `/stats` and `/metrics`; 0 takes a free one, `nil` serves none.
        public var httpPort: Int? = 9001
        /// Where the log is kept; `nil` keeps it in memory.
        public var dataDirectory: String?
        /// When a publish is answered.
        public var sync = SyncPolicy.interval(.milliseconds(100))
        /// Bytes from which on a new segment is begun.
        public var segmentBytes: Int64 = 256 << 20
        /// Oldest segments are dropped while the rest holds at least so many bytes; `nil` keeps all.
        public var retentionBytes: Int64?
        /// Segments are dropped when their newest message is older; `nil` keeps all.
        public var retentionAge: Duration?
        /// The largest frame that is accepted, without its four length bytes.
        public var maxFrameBytes = 16 << 20
        /// Bytes of memory that unfinished frames and unread responses of all connections may hold. Beyond it the
        /// connections that hold most for longest are closed with `overloaded`.
        public var receiveBytes = 256 << 20
        /// A connection is closed with `frame_timeout` if it has begun a frame and sent less than 16 KiB of it for this
        /// long.
        public var frameTimeout = Duration.seconds(30)
        /// How long the refusal of a wrong token is held back.
        package var wrongTokenDelay = Duration.seconds(1)
        /// Refusals that are held back at one time; one more connection is closed without a response.
        package var maxDelayedRefusals = 1024
        /// Connections at one time, fewer if descriptors do not suffice. A further one takes the place of the oldest
        /// that has made no request, and is refused with `too_many_connections` if there is none.
        public var maxConnections = 16_384
        /// Subscriptions at one time; a further one is refused with `too_many_subscribers`.
        public var maxSubscribers = 4096
        /// What clients must say in `hello`; `nil` asks nothing.
        public var token: String?
        /// How long a connection may wait before it says `hello`, where a token is asked for.
        public var handshakeTimeout = Duration.seconds(10)
        /// Told what an operator should know. Called on the server's thread: it must return soon.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// The defaults.
        public init() {}
    }

    /// What an operator should know. Its text names the file and the reason.
    public enum Event: Sendable, CustomStringConvertible {
        /// The log ended with a part of a record, as after a power loss, and was cut there.
        case tailCut(String)
        /// Retention dropped so many segments; the log begins at `oldestOffset` now.
        case segmentsDropped(count: Int, oldestOffset: Int64)
        /// A write or a sync failed for good: nothing is stored until the server is started again.
        case storageFailure(String)
        /// A connection could not be taken, for want of descriptors or memory; the server tries again.
        case acceptFailure(String)
        /// A client was refused or closed: a wrong token, a frame that did not go on, too much memory, too many
        /// connections. Names the peer. Each kind is reported at most once in ten seconds, with the number left out.
        case clientRefused(String)

        public var description: String {
            switch self {
            case .tailCut(let what): what
            case .segmentsDropped(let count, let oldest): "retention dropped \(count) segments; the oldest offset is \(oldest)"
            case .storageFailure(let what): what
            case .acceptFailure(let what): what
            case .clientRefused(let what): what
            }
        }
    }

    /// What the log held when the server opened it.
    public struct Recovery: Sendable {
        /// Segment files.
        public var segmentCount: Int
        /// Messages in them.
        public var messageCount: Int64
        /// Bytes of these messages, with their envelopes.
        public var byteCount: Int64
        /// The offset that the next message gets.
        public var nextOffset: Int64
    }

    /// What the server was made with.
    public let configuration: Configuration
    /// The port that is listened on.
    public let port: Int
    /// `nil` where no HTTP is served.
    public let httpPort: Int?
    /// What the log held at the start.
    public let recovery: Recovery

    private let loop: EventLoop
    private let syncLoop: EventLoop
    private let broker: LoopBound<Broker>
    private let listener: LoopBound<Listener>
    private let http: HTTPEndpoints?
    private let isShutDown = Atomic(false)

    /// Opens the log, recovers it, and listens. Throws ``MQServerError`` where the directory or an address cannot be used,
    /// or where the log is damaged.
    public convenience init(configuration: Configuration) async throws {
        try await self.init(configuration: configuration) { () throws(LogError) in
            if let path = configuration.dataDirectory { try DiskDirectory(path: path) } else { MemoryDirectory() }
        }
    }

    /// As ``init(configuration:)``, with the log's files where `directory` says, so that a test can make them fail.
    package init(configuration: Configuration, directory: @escaping @Sendable () throws -> any LogDirectory) async throws {
        self.configuration = configuration
        ignoreBrokenPipeSignal()
        do {
            let loop = try EventLoop.start(name: "mq-server")
            let syncLoop = try EventLoop.start(name: "mq-sync")
            self.loop = loop
            self.syncLoop = syncLoop
            do {
                let parts = try await loop.perform {
                    let broker = try Broker(configuration: configuration, directory: directory(), loop: loop, syncLoop: syncLoop)
                    let listener = try Listener(broker: broker)
                    return (
                        broker: LoopBound(broker, to: loop), listener: LoopBound(listener, to: loop), port: listener.port,
                        recovery: broker.log.recovery, nextOffset: broker.log.nextOffset
                    )
                }
                broker = parts.broker
                listener = parts.listener
                port = parts.port
                recovery = Recovery(
                    segmentCount: parts.recovery.segmentCount, messageCount: parts.recovery.messageCount,
                    byteCount: parts.recovery.byteCount, nextOffset: parts.nextOffset)
                do {
                    http = try await HTTPEndpoints.start(configuration: configuration, loop: loop, broker: parts.broker)
                    httpPort = http?.port
                } catch {
                    // The directory must not stay locked by a server that did not start.
                    try? await loop.perform {
                        parts.listener.value.close()
                        parts.broker.value.log.directory.release()
                    }
                    throw error
                }
            } catch {
                loop.stop()
                syncLoop.stop()
                throw error
            }
        } catch {
            throw MQServerError("\(error)")
        }
    }

    /// Stops accepting, lets clients read the answers that they are owed for at most `limit`, syncs the log, and ends.
    /// Returns when the log is closed; a second call returns at once.
    public func shutdown(within limit: Duration = .seconds(5)) async {
        guard !isShutDown.exchange(true, ordering: .acquiringAndReleasing) else { return }
        await http?.shutdown()
        let (broker, listener) = (broker, listener)
        await withCheckedContinuation { continuation in
            loop.execute {
                listener.value.close()
                broker.value.stop(within: limit) { continuation.resume() }
            }
        }
        loop.stop()
        syncLoop.stop()
    }
}

/// Why a server could not start.
public struct MQServerError: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
