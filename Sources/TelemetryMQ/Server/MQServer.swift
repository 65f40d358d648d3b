import Glibc
import Synchronization
import TelemetryMQLog
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
        /// Address on which clients connect. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// 0 takes a free port. Default: 9000.
        public var port = 9000
        /// Address of the HTTP endpoints. Default: `"127.0.0.1"`.
        public var httpHost = "127.0.0.1"
        /// Port of `/health`, `/ready`, `/stats` and `/metrics`; 0 takes a free one, `nil` serves none.
        /// Default: 9001.
        public var httpPort: Int? = 9001
        /// Where the log is kept; `nil` keeps it in memory. Default: `nil`.
        public var dataDirectory: String?
        /// When a publish is answered. Default: `SyncPolicy.interval(.milliseconds(100))`.
        public var sync = SyncPolicy.interval(.milliseconds(100))
        /// Bytes from which on a new segment is begun. Default: 256 MiB.
        public var segmentBytes: Int64 = 256 << 20
        /// Oldest segments are dropped while the rest holds at least so many bytes; `nil` keeps all. Default: `nil`.
        public var retentionBytes: Int64?
        /// Segments are dropped when their newest message is older; `nil` keeps all. Default: `nil`.
        public var retentionAge: Duration?
        /// The largest frame that is accepted, without its four length bytes. Default: 16 MiB.
        public var maxFrameBytes = 16 << 20
        /// Bytes of memory that unfinished frames and unread responses of all connections may hold. Beyond it the
        /// connections that hold most for longest are closed with `overloaded`. Default: 256 MiB.
        public var receiveBytes = 256 << 20
        /// A connection is closed with `frame_timeout` if it has begun a frame and sent less than 16 KiB of it for this
        /// long. Default: 30 s.
        public var frameTimeout = Duration.seconds(30)
        /// How long the refusal of a wrong token is held back.
        package var wrongTokenDelay = Duration.seconds(1)
        /// Refusals that are held back at one time; one more connection is closed without a response.
        package var maxDelayedRefusals = 1024
        /// Connections at one time, fewer if descriptors do not suffice. A further one takes the place of the oldest
        /// that has made no request, and is refused with `too_many_connections` if there is none. Default: 16,384.
        public var maxConnections = 16_384
        /// Subscriptions at one time; a further one is refused with `too_many_subscribers`. Default: 4,096.
        public var maxSubscribers = 4096
        /// Stored positions of subscribers; a commit of a further subscriber id is refused with `too_many_positions`. A
        /// log that has more when it is opened keeps them. Default: 4,096.
        public var maxPositions = 4096
        /// A stored position is forgotten when it was neither committed nor its subscriber connected for this long;
        /// `nil` keeps all. Measured to a sixteenth of it, and not within the first hour after a start, or a sixteenth of it.
        /// Default: 30 days.
        public var positionExpiry: Duration? = .seconds(30 * 86_400)
        /// What clients must say in `hello`; `nil` asks nothing. Default: `nil`.
        public var token: String?
        /// How long a connection may wait before it says `hello`, where a token is asked for. Default: 10 s.
        public var handshakeTimeout = Duration.seconds(10)
        /// Told what an operator should know. Called on the server's thread: it must return soon.
        /// Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }
        /// The system's, or a test's.
        package var clock = ServerClock.system

        /// The defaults.
        public init() {}
    }

    /// What an operator should know. Its text names the file and the reason.
    public enum Event: Sendable, CustomStringConvertible {
        /// The log ended with a part of a record, as after a power loss, and was cut there.
        case tailCut(String)
        /// The log got a new identity, or ends before where it ended once: subscribers of what it was begin anew.
        case logIdentity(String)
        /// A stored position did not mean a message of this log, and was set back. Names the subscriber.
        case positionRepaired(String)
        /// Positions of these subscribers were forgotten: nobody has used them for ``Configuration/positionExpiry``.
        case positionsExpired([String])
        /// A commit of a new subscriber id was refused, since ``Configuration/maxPositions`` are stored. At most once a
        /// minute.
        case positionsRefused(String)
        /// Retention dropped so many segments; the log begins at `oldestOffset` now.
        case segmentsDropped(count: Int, oldestOffset: Int64)
        /// A write or a sync failed for good: nothing is stored until the server is started again.
        case storageFailure(String)
        /// The device has no room: publishes are refused until there is some. Reported once.
        case storageFull(String)
        /// There is room again, after this number of messages were refused.
        case storageAvailable(refusedMessages: Int64)
        /// Messages have times in the future, or the clock was set.
        case clockDiffers(String)
        /// No message has a time in the future any more.
        case clockCaughtUp(String)
        /// The log is long in opening; until it is open clients cannot connect. How far it is, every few seconds.
        case opening(String)
        /// A connection could not be taken, for want of descriptors or memory; the server tries again.
        case acceptFailure(String)
        /// A client was refused or closed: a wrong token, a frame that did not go on, too much memory, too many
        /// connections. Names the peer. Each kind is reported at most once in ten seconds, with the number left out.
        case clientRefused(String)

        public var description: String {
            switch self {
            case .tailCut(let what), .logIdentity(let what): what
            case .positionRepaired(let what), .positionsRefused(let what): what
            case .positionsExpired(let ids):
                "forgot the positions of \(ids.count) subscribers that were not used for long: "
                    + ids.prefix(10).joined(separator: ", ") + (ids.count > 10 ? ", …" : "")
            case .segmentsDropped(let count, let oldest): "retention dropped \(count) segments; the oldest offset is \(oldest)"
            case .storageFailure(let what): what
            case .storageFull(let what): "publishes are refused until there is room: \(what)"
            case .storageAvailable(let refused):
                "publishes are stored again; \(refused) messages were refused for want of room"
            case .clockDiffers(let what), .clockCaughtUp(let what): what
            case .opening(let what): what
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
    private let syncThread: SerialThread
    private let broker: LoopBound<Broker>
    private let listener: LoopBound<Listener>
    private let http: HTTPEndpoints?
    private let isShutDown = Atomic(false)

    /// Opens the log, recovers it, and listens. HTTP is served before the log is open: `/ready` is 503 with the reason
    /// until then. Throws ``MQServerError`` where the directory or an address cannot be used,
    /// or where the log is damaged.
    public convenience init(configuration: Configuration) async throws {
        try await self.init(configuration: configuration) { () throws(LogError) in
            if let path = configuration.dataDirectory { try DiskDirectory(path: path) } else { MemoryDirectory() }
        }
    }

    /// As ``init(configuration:)``, with the log's files where `directory` says, so that a test can make them fail.
    package init(configuration: Configuration, directory: @escaping @Sendable () throws -> any LogDirectory) async throws {
        self.configuration = configuration
        // A longer record could not be read back.
        guard 1...1 << 30 ~= configuration.maxFrameBytes else {
            throw MQServerError("maxFrameBytes is \(configuration.maxFrameBytes); a frame has from 1 to \(1 << 30) bytes")
        }
        ignoreBrokenPipeSignal()
        do {
            let syncThread = try SerialThread(name: "mq-sync")
            let loop = try EventLoop.start(name: "mq-server")
            self.loop = loop
            self.syncThread = syncThread
            do {
                let entrance = LoopBound(Entrance(OpeningWatch(configuration)), to: loop)
                http = try await HTTPEndpoints.start(configuration: configuration, loop: loop, entrance: entrance)
                httpPort = http?.port
                do {
                    let parts = try await Self.open(configuration, directory, loop, syncThread, entrance)
                    broker = parts.broker
                    listener = parts.listener
                    port = parts.port
                    recovery = parts.recovery
                } catch {
                    await http?.shutdown()
                    throw error
                }
            } catch {
                loop.stop()
                syncThread.stop()
                throw error
            }
        } catch {
            throw MQServerError("\(error)")
        }
    }

    private typealias Parts = (broker: LoopBound<Broker>, listener: LoopBound<Listener>, port: Int, recovery: Recovery)

    /// Opens the log on the thread that syncs it, so that HTTP is served meanwhile, and lets clients in.
    private static func open(
        _ configuration: Configuration, _ directory: @escaping @Sendable () throws -> any LogDirectory,
        _ loop: EventLoop,
        _ syncThread: SerialThread, _ entrance: LoopBound<Entrance>
    ) async throws -> Parts {
        let watch = try await loop.perform { entrance.value.opening }
        let opened = try await syncThread.perform {
            var limits = MessageLog.Configuration()
            limits.segmentBytes = configuration.segmentBytes
            limits.retentionBytes = configuration.retentionBytes
            limits.retentionAge = configuration.retentionAge
            let log = try MessageLog(
                directory: directory(), configuration: limits, now: configuration.clock.wall(),
                onProgress: { watch.note($0) })
            // From here on it is touched on the loop alone.
            return LoopBound(log, to: loop)
        }
        return try await loop.perform {
            let log = opened.value
            do {
                let broker = try Broker(configuration: configuration, log: log, loop: loop, syncThread: syncThread)
                let listener = try Listener(broker: broker)
                entrance.value.broker = broker
                return (
                    broker: LoopBound(broker, to: loop), listener: LoopBound(listener, to: loop), port: listener.port,
                    recovery: Recovery(
                        segmentCount: log.recovery.segmentCount, messageCount: log.recovery.messageCount,
                        byteCount: log.recovery.byteCount, nextOffset: log.nextOffset)
                )
            } catch {
                // The directory must not stay locked by a server that did not start.
                log.directory.release()
                throw error
            }
        }
    }

    /// Stops accepting, lets clients read the answers that they are owed for at most `limit`, syncs the log, and ends.
    /// Returns when the log is closed; a second call returns at once.
    public func shutdown(within limit: Duration = .seconds(5)) async {
        guard !isShutDown.exchange(true, ordering: .acquiringAndReleasing) else { return }
        await http?.shutdown()
        let (broker, listener) = (broker, listener)
        await loop.performUntilDone { done in
            listener.value.close()
            broker.value.stop(within: limit, done: done)
        }
        loop.stop()
        syncThread.stop()
    }
}
