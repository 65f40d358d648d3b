import Glibc
import Synchronization
import TelemetryIO
import TelemetryMQLog

/// A message queue server on one append-only log.
///
/// One event loop thread serves all connections; a second one syncs files. May be used from any task.
public final class MQServer: Sendable {
    /// When a publish is acknowledged, relative to its storage on the device.
    public enum SyncPolicy: Sendable, Hashable {
        /// Acknowledged after an `fdatasync` that covers the message, which then survives a power loss. Messages that
        /// wait at the same time share one sync.
        case always
        /// Acknowledged after the write: the message survives the end of the process at once, and a power loss after
        /// the interval.
        case interval(Duration)
        /// Acknowledged after the write: the message survives the end of the process; the kernel decides when it
        /// survives a power loss.
        case never
    }

    /// The options of a server.
    public struct Configuration: Sendable {
        /// The address for client connections. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// The port for client connections; 0 takes a free one. Default: 9000.
        public var port = 9000
        /// The address of the HTTP endpoints. Default: `"127.0.0.1"`.
        public var httpHost = "127.0.0.1"
        /// The port of `/health`, `/ready`, `/stats` and `/metrics`; 0 takes a free one, `nil` serves none. Default:
        /// 9001.
        public var httpPort: Int? = 9001
        /// The directory of the log; `nil` keeps it in memory. Default: `nil`.
        public var dataDirectory: String?
        /// When a publish is acknowledged. Default: `SyncPolicy.interval(.milliseconds(100))`.
        public var sync = SyncPolicy.interval(.milliseconds(100))
        /// The segment size in bytes at which a new segment is started. Default: 256 MiB.
        public var segmentBytes: Int64 = 256 << 20
        /// The minimum size of the log in bytes: the oldest segments are removed while the others have at least this
        /// size; `nil` keeps all. Default: `nil`.
        public var retentionBytes: Int64?
        /// The maximum age: segments are removed when their newest message is older; `nil` keeps all. Default: `nil`.
        public var retentionAge: Duration?
        /// The maximum size of a frame in bytes, without its four length bytes. Default: 16 MiB.
        public var maxFrameBytes = 16 << 20
        /// The maximum memory in bytes for unfinished frames and unread responses of all connections. Beyond it the
        /// connections with the largest product of memory and time are closed with `overloaded`. Default: 256 MiB.
        public var receiveBytes = 256 << 20
        /// A connection is closed with `frame_timeout` if it has begun a frame and sent less than 16 KiB of it for this
        /// time. Default: 30 s.
        public var frameTimeout = Duration.seconds(30)
        /// The delay before a wrong token is refused.
        package var wrongTokenDelay = Duration.seconds(1)
        /// The maximum number of delayed refusals; one more connection is closed without a response.
        package var maxDelayedRefusals = 1024
        /// The maximum number of connections, fewer if descriptors do not suffice. A further one replaces the oldest
        /// that has made no request, and is refused with `too_many_connections` if there is none. Default: 16,384.
        public var maxConnections = 16_384
        /// The maximum number of subscriptions; a further one is refused with `too_many_subscribers`. Default: 4,096.
        public var maxSubscribers = 4096
        /// The maximum number of stored subscriber positions; a commit of a further subscriber id is refused with
        /// `too_many_positions`. A log that has more when it is opened keeps them. Default: 4,096.
        public var maxPositions = 4096
        /// A stored position is deleted when it was not committed, and its subscriber not connected, for this time;
        /// `nil` keeps all. Measured to a sixteenth of it, and not within the first hour after a start, or a sixteenth
        /// of it. Default: 30 days.
        public var positionExpiry: Duration? = .seconds(30 * 86_400)
        /// The token that clients must send in `hello`; `nil` for none. Default: `nil`.
        public var token: String?
        /// The maximum time before a connection must send `hello`, if a token is required. Default: 10 s.
        public var handshakeTimeout = Duration.seconds(10)
        /// Receives events that an operator should know of. Called on the server's thread: it must return quickly.
        /// Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }
        /// The system's clock, or a test's.
        package var clock = ServerClock.system

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// An event that an operator should know of. Its text contains the file and the reason.
    public enum Event: Sendable, CustomStringConvertible {
        /// The log ended with a part of a record, as after a power loss, and was cut there.
        case tailCut(String)
        /// The log got a new identity, or ends before a previous end: subscribers of the previous log start again.
        case logIdentity(String)
        /// A stored position did not refer to a message of this log, and was reset. Contains the subscriber.
        case positionRepaired(String)
        /// The positions of these subscribers were deleted: they were not used for ``Configuration/positionExpiry``.
        case positionsExpired([String])
        /// A commit of a new subscriber id was refused because ``Configuration/maxPositions`` are stored. At most once
        /// a minute.
        case positionsRefused(String)
        /// Retention removed this number of segments; the log now begins at `oldestOffset`.
        case segmentsDropped(count: Int, oldestOffset: Int64)
        /// A write or a sync failed permanently: nothing is stored until the server is restarted.
        case storageFailure(String)
        /// The device is full: publishes are refused until there is space. Reported once.
        case storageFull(String)
        /// There is space again, after this number of messages were refused.
        case storageAvailable(refusedMessages: Int64)
        /// Messages have times in the future, or the clock was set.
        case clockDiffers(String)
        /// No message has a time in the future any more.
        case clockCaughtUp(String)
        /// Opening the log takes long; clients cannot connect until it is open. The progress is reported every few
        /// seconds.
        case opening(String)
        /// A connection could not be accepted because descriptors or memory ran out; the server tries again.
        case acceptFailure(String)
        /// A client was refused or closed: a wrong token, a stalled frame, too much memory, too many connections.
        /// Contains the peer. Each kind is reported at most once in ten seconds, with the number of omitted reports.
        case clientRefused(String)

        public var description: String {
            switch self {
            case .tailCut(let what), .logIdentity(let what): what
            case .positionRepaired(let what), .positionsRefused(let what): what
            case .positionsExpired(let ids):
                "forgot the positions of \(ids.count) subscribers that were not used for long: "
                    + ids.prefix(10).joined(separator: ", ") + (ids.count > 10 ? ", …" : "")
            case .segmentsDropped(let count, let oldest):
                "retention dropped \(count) segments; the oldest offset is \(oldest)"
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

    /// The content of the log when the server opened it.
    public struct Recovery: Sendable {
        /// The number of segment files.
        public var segmentCount: Int
        /// The number of messages in them.
        public var messageCount: Int64
        /// The total size of these messages in bytes, with their envelopes.
        public var byteCount: Int64
        /// The offset that the next message gets.
        public var nextOffset: Int64
    }

    /// The configuration that the server was created with.
    public let configuration: Configuration
    /// The port that the server listens on.
    public let port: Int
    /// The HTTP port; `nil` if HTTP is not served.
    public let httpPort: Int?
    /// The content of the log at the start.
    public let recovery: Recovery

    private let loop: EventLoop
    private let syncThread: SerialThread
    private let broker: LoopBound<Broker>
    private let listener: LoopBound<Listener>
    private let http: HTTPEndpoints?
    private let isShutDown = Atomic(false)

    /// Opens the log, recovers it, and listens. HTTP is served before the log is open: `/ready` is 503 with the reason
    /// until then. Throws ``MQServerError`` if the directory or an address cannot be used, or if the log is damaged.
    public convenience init(configuration: Configuration) async throws {
        try await self.init(configuration: configuration) { () throws(LogError) in
            if let path = configuration.dataDirectory { try DiskDirectory(path: path) } else { MemoryDirectory() }
        }
    }

    /// Like ``init(configuration:)``, with the log's files in `directory`, so that a test can make them fail.
    package init(configuration: Configuration, directory: @escaping @Sendable () throws -> any LogDirectory)
        async throws
    {
        self.configuration = configuration
        // A longer record could not be read back.
        guard 1...1 << 30 ~= configuration.maxFrameBytes else {
            throw MQServerError(
                "maxFrameBytes is \(configuration.maxFrameBytes); a frame has from 1 to \(1 << 30) bytes")
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

    /// Opens the log on the thread that syncs it, so that HTTP is served meanwhile, and then accepts clients.
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
            // From here on it is accessed on the loop only.
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

    /// Stops accepting, lets clients read their pending responses for at most `limit`, syncs the log, and ends. Returns
    /// when the log is closed; a second call returns at once.
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
