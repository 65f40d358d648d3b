import TelemetryBase
import TelemetryHTTPClient
import TelemetryStores

/// Sends HTTP requests to a database, and converts failures to ``StoreError``.
struct DatabaseHTTP: Sendable {
    let client: CurlClient
    private let base: String
    /// The query parameters of every request: those of the configured URL.
    private let baseQuery: String
    /// The address for messages: without a slash at the end, and without a password.
    let url: String
    private let token: String?
    private var scheme: Scheme
    private let timeout: Duration
    private let secrets: Secrets
    let expired: ExpiredCount

    /// The scheme with which the token is sent.
    enum Scheme: String {
        case token = "Token"
        case bearer = "Bearer"
        /// `user:password`. A token without a colon is sent as a bearer token: to InfluxDB 1.x, a JSON Web Token.
        case basic = "Basic"
    }

    init(
        client: CurlClient, url: String, token: String?, scheme: Scheme, timeout: Duration,
        expired: ExpiredCount = ExpiredCount()
    ) throws {
        self.expired = expired
        let parts = url.prefix { $0 != "#" }.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var base = String(parts[0])
        while base.hasSuffix("/") { base.removeLast() }
        guard ["http://", "https://"].contains(where: base.hasPrefix), let parsed = CurlURL(base) else {
            throw StoreError(.rejected, "\(Secrets.redactedURL(url).debugDescription) is not a valid http or https URL")
        }
        var shown = parsed.shown
        while shown.hasSuffix("/") { shown.removeLast() }
        // A line feed would begin another header.
        if let token, token.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw StoreError(.rejected, "the token for \(shown) contains a control character")
        }
        self.client = client
        self.base = base
        baseQuery = parts.count > 1 ? String(parts[1]) : ""
        var secrets = Secrets()
        secrets.add(url: url)
        secrets.add(token: token)
        self.secrets = secrets
        self.url = shown
        self.token = token
        self.scheme = scheme
        self.timeout = timeout
    }

    static func client(maxConnections: Int, proxy: String?) throws(StoreError) -> CurlClient {
        if let proxy, !isProxyURL(proxy) {
            let shown = Secrets.redactedURL(proxy).debugDescription
            throw StoreError(.rejected, "\(shown) is not a valid proxy, such as http://host:3128 or socks5://host:1080")
        }
        do {
            return try CurlClient(maxConnections: maxConnections, proxy: proxy)
        } catch {
            throw StoreError(.unavailable, error.reason)
        }
    }

    /// Returns the same client with another `Authorization` scheme.
    func authorizing(by scheme: Scheme) -> DatabaseHTTP {
        var copy = self
        copy.scheme = scheme
        return copy
    }

    /// The value of `Authorization`; `nil` without a token.
    private var authorization: String? {
        guard let token, !token.isEmpty else { return nil }
        guard scheme == .basic else { return "\(scheme.rawValue) \(token)" }
        return token.utf8.contains(UInt8(ascii: ":")) ? "Basic " + base64(Array(token.utf8)) : "Bearer " + token
    }

    /// A body and its content type.
    /// The maximum size of a response in bytes; a longer one is not read further.
    private static let maximumAnswer = 1 << 30

    struct Body {
        var bytes: [UInt8]
        var type: String

        static func form(_ fields: [(String, String)]) -> Body {
            Body(bytes: Array(formEncoded(fields).utf8), type: "application/x-www-form-urlencoded")
        }
        static func json(_ bytes: [UInt8]) -> Body { Body(bytes: bytes, type: "application/json") }
        static func lines(_ bytes: [UInt8]) -> Body { Body(bytes: bytes, type: "text/plain; charset=utf-8") }
    }

    /// Returns a response whose status is 2xx or among `accepting`.
    func send(
        _ method: String = "GET", _ path: String, query: [(String, String)] = [], body: Body? = nil,
        accept: String? = nil,
        accepting: Set<Int> = []
    ) async throws -> CurlResponse {
        let target = path + (query.isEmpty ? "" : "?" + formEncoded(query))
        let subject = "\(method) \(url)\(abbreviated(target, to: 200))"
        let queries = [query.isEmpty ? "" : formEncoded(query), baseQuery].filter { !$0.isEmpty }
        let asked = base + path + (queries.isEmpty ? "" : "?" + queries.joined(separator: "&"))
        var request = CurlRequest(method: method, url: asked, timeout: timeout, maximumBody: Self.maximumAnswer)
        if let authorization { request.headers.append(("Authorization", authorization)) }
        if let accept { request.headers.append(("Accept", accept)) }
        if let body {
            request.headers.append(("Content-Type", body.type))
            request.body = body.bytes
        }
        let response: CurlResponse
        do {
            response = try await client.send(request)
        } catch let failure as HTTPFailure {
            let kind: StoreError.Kind =
                switch failure.kind {
                case .invalidRequest: .rejected
                case .tooLarge: .invalidAnswer
                case .network, .timeout, .closed: .unavailable
                }
            throw StoreError(kind, "\(subject): \(secrets.redact(failure.reason))")
        }
        if (200..<300).contains(response.status) || accepting.contains(response.status) { return response }
        throw Self.error(of: response, to: subject, hiding: secrets)
    }

    static func error(of response: CurlResponse, to subject: String, hiding secrets: Secrets = Secrets()) -> StoreError
    {
        let kind: StoreError.Kind =
            switch response.status {
            case 401, 403: .unauthorized
            case 408, 429, 500...: .unavailable
            case 400..<500: .rejected
            default: .invalidAnswer
            }
        let said = words(of: response, hiding: secrets)
        var error = StoreError(
            kind, "\(subject): HTTP \(response.status)" + (said.isEmpty ? "" : ": " + said),
            retryAfter: RetryAfter.wait(response))
        error.status = response.status
        return error
    }

    /// The server's message, without secrets, truncated if it is long.
    static func words(of response: CurlResponse, hiding secrets: Secrets) -> String {
        let (text, code) = said(response)
        let line = secrets.redact(code.map { "\($0): \(text)" } ?? text).replacing("\n", with: " ")
        return line.utf8.count > 400 ? line.prefix(400) + "…" : line
    }

    /// The member `error` (InfluxDB 1.x and 3.x, VictoriaMetrics) or `message` (InfluxDB 2.x) of the response,
    /// otherwise its text; and the member `code`.
    static func said(_ response: CurlResponse) -> (text: String, code: String?) {
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
        if let said { return (said, code) }
        return (response.header("X-Influxdb-Error") ?? response.text, nil)
    }
}
