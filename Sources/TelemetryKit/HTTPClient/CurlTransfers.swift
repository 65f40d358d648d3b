import CCurl
import TelemetryBase

/// The requests in progress, on the curl thread.
struct CurlTransfers {
    private let multi: UnsafeMutableRawPointer
    private let proxy: String?
    private var running: [UInt64: CurlTransfer] = [:]
    /// Easy handles available for the next request: each keeps its buffers.
    private var idle: [UnsafeMutableRawPointer] = []
    /// The ids cancelled before their requests arrived.
    private var cancelled: Set<UInt64> = []

    init(multi: UnsafeMutableRawPointer, proxy: String?) {
        self.multi = multi
        self.proxy = proxy
    }

    /// Runs until the engine is closed.
    consuming func run(_ engine: CurlEngine) {
        var active: Int32 = 0
        loop: while true {
            for command in engine.takeCommands() {
                switch command {
                case .start(let id, let request, let answer): start(id, request, answer)
                case .cancel(let id): cancel(id)
                case .close: break loop
                }
            }
            curl_multi_perform(multi, &active)
            finishDone()
            // Curl limits the wait to its own timers; a command wakes it.
            curl_multi_poll(multi, nil, 0, 60_000, nil)
        }
        for transfer in running.values {
            finish(transfer, .failure(HTTPFailure(kind: .closed, url: transfer.url, reason: "the client was closed")))
        }
        for command in engine.takeCommands() {
            guard case .start(_, let request, let answer) = command else { continue }
            answer.resume(throwing: HTTPFailure(kind: .closed, url: request.url, reason: "the client was closed"))
        }
        for easy in idle { curl_easy_cleanup(easy) }
        engine.end()
    }

    private mutating func start(_ id: UInt64, _ request: CurlRequest, _ answer: CurlEngine.Answer) {
        if cancelled.remove(id) != nil {
            answer.resume(throwing: CancellationError())
            return
        }
        guard let easy = idle.popLast() ?? curl_easy_init() else {
            answer.resume(throwing: HTTPFailure(kind: .network, url: request.url, reason: "libcurl has no memory"))
            return
        }
        let transfer = CurlTransfer(id: id, easy: easy, request: request, answer: answer)
        if let refused = transfer.prepare(proxy: proxy) {
            release(transfer)
            answer.resume(
                throwing: HTTPFailure(
                    kind: .invalidRequest, url: request.url, reason: String(cString: curl_easy_strerror(refused))))
            return
        }
        running[id] = transfer
        curl_multi_add_handle(multi, easy)
    }

    private mutating func cancel(_ id: UInt64) {
        if let transfer = running[id] {
            finish(transfer, .failure(CancellationError()))
        } else {
            // A task that was cancelled before its request reports this before the request arrives; one that already
            // has its response leaves its id here, which happens only if the two crossed.
            cancelled.insert(id)
            if cancelled.count > 1024 { cancelled = cancelled.filter { $0 > id &- 1024 } }
        }
    }

    private mutating func finishDone() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            var pointer: UnsafeMutableRawPointer?
            ccurl_getinfo_pointer(easy, CURLINFO_PRIVATE, &pointer)
            let transfer = Unmanaged<CurlTransfer>.fromOpaque(pointer!).takeUnretainedValue()
            finish(transfer, transfer.outcome(code))
        }
    }

    private mutating func finish(_ transfer: CurlTransfer, _ outcome: Result<CurlResponse, any Error>) {
        curl_multi_remove_handle(multi, transfer.easy)
        running[transfer.id] = nil
        release(transfer)
        transfer.answer.resume(with: outcome)
    }

    private mutating func release(_ transfer: CurlTransfer) {
        curl_easy_reset(transfer.easy)
        transfer.freeBuffers()
        idle.append(transfer.easy)
    }
}

/// One request with the data that curl needs while it runs.
final class CurlTransfer {
    let id: UInt64
    let easy: UnsafeMutableRawPointer
    let answer: CurlEngine.Answer
    var url: String { request.url }
    private let request: CurlRequest
    private var response = CurlResponse(status: 0)
    private var isTooLarge = false
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let bodyCopy: UnsafeMutableRawBufferPointer
    private let errorText: UnsafeMutablePointer<CChar>

    init(id: UInt64, easy: UnsafeMutableRawPointer, request: CurlRequest, answer: CurlEngine.Answer) {
        self.id = id
        self.easy = easy
        self.request = request
        self.answer = answer
        // Curl reads the body in place, long after this call: so it needs memory of its own.
        bodyCopy = .allocate(byteCount: request.body?.count ?? 0, alignment: 1)
        if let body = request.body { bodyCopy.copyBytes(from: body) }
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    func freeBuffers() {
        curl_slist_free_all(headerList)
        bodyCopy.deallocate()
        errorText.deallocate()
    }

    /// Configures the handle; returns the option that curl refuses.
    func prepare(proxy: String?) -> CURLcode? {
        var lines = request.headers.map { "\($0.name): \($0.value)" }
        // Otherwise curl would ask for permission before sending a large body, and wait a second for servers that do
        // not respond.
        lines.append("Expect:")
        for line in lines { headerList = curl_slist_append(headerList, line) }
        let this = Unmanaged.passUnretained(self).toOpaque()
        // libcurl accepts no longer time, 24 days, on every platform.
        let timeout = Swift.max(1, Swift.min(request.timeout.wholeMilliseconds, Int64(Int32.max)))
        let settings: [() -> CURLcode] = [
            { [easy, url] in ccurl_setopt_string(easy, CURLOPT_URL, url) },
            { [easy] in ccurl_allow_only_http(easy) },
            { [easy, request] in ccurl_setopt_string(easy, CURLOPT_CUSTOMREQUEST, request.method) },
            { [easy, headerList] in ccurl_setopt_list(easy, CURLOPT_HTTPHEADER, headerList) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_NOSIGNAL, 1) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_TIMEOUT_MS, Int(timeout)) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(timeout)) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_TCP_KEEPALIVE, 1) },
            { [easy] in ccurl_setopt_string(easy, CURLOPT_USERAGENT, "gpu-telemetry") },
            // An empty name means "no proxy, whatever the environment contains"; the empty list of exceptions replaces
            // NO_PROXY.
            { [easy] in ccurl_setopt_string(easy, CURLOPT_PROXY, proxy ?? "") },
            { [easy] in ccurl_setopt_string(easy, CURLOPT_NOPROXY, "") },
            // Headers for the server must not be sent to the proxy that opens a tunnel to it.
            { [easy] in ccurl_setopt_long(easy, CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE)) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue)) },
            { [easy] in ccurl_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0) },
            { [easy, errorText] in ccurl_setopt_pointer(easy, CURLOPT_ERRORBUFFER, errorText) },
            { [easy] in ccurl_setopt_pointer(easy, CURLOPT_PRIVATE, this) },
            { [easy] in ccurl_setopt_pointer(easy, CURLOPT_WRITEDATA, this) },
            { [easy] in ccurl_setopt_pointer(easy, CURLOPT_HEADERDATA, this) },
            { [easy] in
                ccurl_setopt_write(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, this in
                    CurlTransfer.of(this).take(body: UnsafeRawBufferPointer(start: bytes, count: size * count))
                }
            },
            { [easy] in
                ccurl_setopt_write(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, this in
                    CurlTransfer.of(this).take(header: UnsafeRawBufferPointer(start: bytes, count: size * count))
                    return size * count
                }
            },
        ]
        for set in settings {
            let code = set()
            if code != CURLE_OK { return code }
        }
        if request.body != nil {
            ccurl_setopt_long(easy, CURLOPT_POST, 1)
            ccurl_setopt_off(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bodyCopy.count))
            ccurl_setopt_pointer(easy, CURLOPT_POSTFIELDS, bodyCopy.baseAddress)
        }
        return nil
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> CurlTransfer {
        Unmanaged<CurlTransfer>.fromOpaque(pointer!).takeUnretainedValue()
    }

    /// The number of bytes taken; any other number than were given ends the transfer.
    private func take(body bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count <= request.maximumBody - response.body.count else {
            isTooLarge = true
            return 0
        }
        response.body.append(contentsOf: bytes)
        return bytes.count
    }

    private func take(header line: UnsafeRawBufferPointer) {
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            // A 1xx response is followed by another: only the last one counts.
            response.headers = []
            return
        }
        guard let colon = text.firstIndex(of: ":") else { return }
        let value = text[text.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        let end = value.lastIndex { !$0.isWhitespace }.map { value.index(after: $0) } ?? value.startIndex
        response.headers.append((String(text[..<colon]), String(value[..<end])))
    }

    func outcome(_ code: CURLcode) -> Result<CurlResponse, any Error> {
        if isTooLarge {
            return .failure(
                HTTPFailure(kind: .tooLarge, url: url, reason: "the body is longer than \(request.maximumBody) bytes"))
        }
        guard code == CURLE_OK else {
            let said = String(cString: errorText)
            let kind: HTTPFailure.Kind =
                code == CURLE_OPERATION_TIMEDOUT
                ? .timeout
                : code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ? .invalidRequest : .network
            return .failure(
                HTTPFailure(
                    kind: kind, url: url, reason: said.isEmpty ? String(cString: curl_easy_strerror(code)) : said))
        }
        var status = 0
        ccurl_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &status)
        response.status = status
        return .success(response)
    }
}
