import TelemetryNet

/// Speaks HTTP to a database, and turns what is not success into ``StoreError``.
struct DatabaseHTTP: Sendable {
    let client: CurlClient
    private let base: String
    /// The address for messages: without a slash at the end, and without a password.
    let url: String
    private let token: String?
    /// Of `Authorization`.
    private var scheme: String
    private let timeout: Duration

    init(client: CurlClient, url: String, token: String?, scheme: String, timeout: Duration) throws {
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        guard ["http://", "https://"].contains(where: base.hasPrefix), let parsed = CurlURL(base) else {
            throw StoreError(.rejected, "\(url.debugDescription) is not a URL of http or https")
        }
        var shown = parsed.shown
        while shown.hasSuffix("/") { shown.removeLast() }
        // A line feed would begin another header.
        if let token, token.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw StoreError(.rejected, "the token for \(shown) contains a control character")
        }
        self.client = client
        self.base = base
        self.url = shown
        self.token = token
        self.scheme = scheme
        self.timeout = timeout
    }

    static func client(maximumConnections: Int) throws(StoreError) -> CurlClient {
        do {
            return try CurlClient(maximumConnections: maximumConnections)
        } catch {
            throw StoreError(.unavailable, error.reason)
        }
    }

    /// The same with another scheme of `Authorization`.
    func authorizing(by scheme: String) -> DatabaseHTTP {
        var copy = self
        copy.scheme = scheme
        return copy
    }

    /// A body and what it is.
    struct Body {
        var bytes: [UInt8]
        var type: String

        static func form(_ fields: [(String, String)]) -> Body {
            Body(bytes: Array(formEncoded(fields).utf8), type: "application/x-www-form-urlencoded")
        }
        static func json(_ bytes: [UInt8]) -> Body { Body(bytes: bytes, type: "application/json") }
        static func lines(_ bytes: [UInt8]) -> Body { Body(bytes: bytes, type: "text/plain; charset=utf-8") }
    }

    /// Returns an answer whose status is 2xx or among `accepting`.
    func send(
        _ method: String = "GET", _ path: String, query: [(String, String)] = [], body: Body? = nil, accept: String? = nil,
        accepting: Set<Int> = []
    ) async throws -> CurlResponse {
        let target = path + (query.isEmpty ? "" : "?" + formEncoded(query))
        let subject = "\(method) \(url)\(abbreviated(target, to: 200))"
        var request = CurlRequest(method: method, url: base + target, timeout: timeout)
        if let token, !token.isEmpty { request.headers.append(("Authorization", "\(scheme) \(token)")) }
        if let accept { request.headers.append(("Accept", accept)) }
        if let body {
            request.headers.append(("Content-Type", body.type))
            request.body = body.bytes
        }
        let response: CurlResponse
        do {
            response = try await client.send(request)
        } catch let failure as HTTPFailure {
            let kind: StoreError.Kind = failure.kind == .invalidRequest ? .rejected : .unavailable
            throw StoreError(kind, "\(subject): \(failure.reason)")
        }
        if (200..<300).contains(response.status) || accepting.contains(response.status) { return response }
        throw Self.error(of: response, to: subject)
    }

    static func error(of response: CurlResponse, to subject: String) -> StoreError {
        let kind: StoreError.Kind =
            switch response.status {
            case 401, 403: .unauthorized
            case 408, 429, 500...: .unavailable
            case 400..<500: .rejected
            default: .invalidAnswer
            }
        let said = words(of: response)
        var error = StoreError(
            kind, "\(subject): HTTP \(response.status)" + (said.isEmpty ? "" : ": " + said),
            retryAfter: RetryAfter.wait(response))
        error.status = response.status
        return error
    }

    /// The member `error` (InfluxDB 1.x, VictoriaMetrics) or `message` (InfluxDB 2.x) of the answer, else its text, cut where it is long.
    static func words(of response: CurlResponse) -> String {
        var said: String?
        var code: String?
        try? response.body.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            while let key = try reader.nextKey() {
                if try reader.peek() == .string {
                    let text = try reader.readString()
                    if key == "message" || (key == "error" && said == nil) { said = text }
                    if key == "code" { code = text }
                } else {
                    _ = try reader.skipValue()
                }
            }
        }
        let text = said.map { said in code.map { "\($0): \(said)" } ?? said } ?? response.header("X-Influxdb-Error") ?? response.text
        let line = text.replacing("\n", with: " ")
        return line.count > 400 ? line.prefix(400) + "…" : line
    }
}
