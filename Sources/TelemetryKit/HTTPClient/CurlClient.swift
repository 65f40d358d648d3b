import CCurl
import Glibc
import Synchronization
import TelemetryIO

/// An HTTP client over libcurl: one thread that runs curl's multi interface, with connections kept alive between requests.
///
/// Waiting for a response suspends the caller and blocks no thread. Cancelling the caller's task ends the request and
/// closes its connection. May be used from any number of tasks.
///
/// The environment does not affect requests: no `http_proxy`, no `.netrc`. A proxy is used only if the caller specifies
/// one. Redirects are not followed, because they would carry credentials to another host.
package final class CurlClient: Sendable {
    private let engine: CurlEngine

    /// - Parameter proxy: `http://host:3128`, `https://…`, `socks5://…` or `socks5h://…`; `user:password@` is sent to
    ///   it. `nil` for none.
    package init(maxConnections: Int = 8, proxy: String? = nil) throws(HTTPFailure) {
        engine = try CurlEngine.start(maxConnections: maxConnections, proxy: proxy)
    }

    deinit { engine.close() }

    /// Sends the request and returns the response, whatever its status. Throws ``HTTPFailure``, or `CancellationError`.
    package func send(_ request: CurlRequest) async throws -> CurlResponse {
        let id = engine.nextID()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                engine.post(.start(id, request, continuation))
            }
        } onCancel: {
            engine.post(.cancel(id))
        }
    }

    /// Ends the requests in progress and frees the connections; later requests fail.
    package func close() { engine.close() }
}

/// The state of the thread. Everything but the mailbox belongs to it alone.
final class CurlEngine: Sendable {
    typealias Answer = CheckedContinuation<CurlResponse, any Error>

    enum Command: Sendable {
        case start(UInt64, CurlRequest, Answer)
        case cancel(UInt64)
        case close
    }

    private struct Mailbox {
        var commands: [Command] = []
        var isClosed = false
        /// The thread has freed the multi handle: it must not be woken any more.
        var hasEnded = false
    }

    private let mailbox = Mutex(Mailbox())
    private let ids = Atomic<UInt64>(0)
    private let multi: CurlMulti

    /// libcurl requires one global initialisation per process before any other call, which is not thread-safe in older
    /// builds.
    private static let isInitialised: Bool = ccurl_global_init() == CURLE_OK

    private init(multi: CurlMulti) { self.multi = multi }

    static func start(maxConnections: Int, proxy: String?) throws(HTTPFailure) -> CurlEngine {
        guard isInitialised, let handle = curl_multi_init() else {
            throw HTTPFailure(kind: .network, url: "", reason: "libcurl does not initialise")
        }
        ccurl_multi_setopt_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, maxConnections)
        ccurl_multi_setopt_long(handle, CURLMOPT_MAXCONNECTS, maxConnections)
        let engine = CurlEngine(multi: CurlMulti(handle: handle))
        do {
            try startThread(name: "curl") { CurlTransfers(multi: engine.multi.handle, proxy: proxy).run(engine) }
        } catch {
            curl_multi_cleanup(handle)
            throw HTTPFailure(kind: .network, url: "", reason: error.description)
        }
        return engine
    }

    func nextID() -> UInt64 { ids.wrappingAdd(1, ordering: .relaxed).newValue }

    func close() { post(.close) }

    func post(_ command: Command) {
        let refused: Answer? = mailbox.withLock { box in
            if box.isClosed {
                if case .start(_, _, let answer) = command { return answer }
                return nil
            }
            if case .close = command { box.isClosed = true }
            box.commands.append(command)
            // With the lock held, so that the handle cannot be freed in between.
            if !box.hasEnded { curl_multi_wakeup(multi.handle) }
            return nil
        }
        refused?.resume(throwing: HTTPFailure(kind: .closed, url: "", reason: "the client is closed"))
    }

    func takeCommands() -> [Command] {
        mailbox.withLock { box in
            let commands = box.commands
            box.commands = []
            return commands
        }
    }

    func end() {
        mailbox.withLock { box in
            box.isClosed = true
            box.hasEnded = true
            curl_multi_cleanup(multi.handle)
        }
    }
}

/// Sound because only `curl_multi_wakeup`, which libcurl documents as safe for it, is called from other threads than
/// curl's.
private struct CurlMulti: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
}
