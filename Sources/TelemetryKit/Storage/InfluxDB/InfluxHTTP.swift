import Glibc
import TelemetryNet

/// Speaks HTTP to one InfluxDB, and turns what is not success into ``StoreError``.
struct InfluxHTTP: Sendable {
    let client: CurlClient
    private let base: String
    /// The address for messages: without a slash at the end, and without a password.
    let url: String
    private let token: String?
    private var scheme = "Token"
    private let timeout: Duration

    init(client: CurlClient, url: String, token: String?, timeout: Duration) throws {
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        guard let scheme = ["http://", "https://"].first(where: base.hasPrefix), base != scheme,
            !base.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F })
        else {
            throw StoreError(.rejected, "\(url.debugDescription) is not a URL of http or https")
        }
        // A line feed would begin another header.
        if let token, token.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw StoreError(.rejected, "the token for \(base) contains a control character")
        }
        self.client = client
        self.base = base
        self.token = token
        self.timeout = timeout
        let rest = base.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let host = authority.lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest
        self.url = scheme + host
    }

    /// The same with another scheme of `Authorization`.
    func authorizing(by scheme: String) -> InfluxHTTP {
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
        let subject = "\(method) \(url)\(target)"
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
            retryAfter: retryAfter(response))
        error.status = response.status
        return error
    }

    /// The member `error` (1.x) or `message` (2.x) of the answer, else its text, cut where it is long.
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

    /// `Retry-After` in seconds, or until an HTTP date (RFC 9110, section 10.2.3) as the answer's own `Date` sees it.
    static func retryAfter(_ response: CurlResponse) -> Duration? {
        guard let text = response.header("Retry-After") else { return nil }
        if let seconds = UInt32(text) { return .seconds(Int(seconds)) }
        guard let then = secondsSinceEpoch(httpDate: text) else { return nil }
        let now = response.header("Date").flatMap(secondsSinceEpoch(httpDate:)) ?? Int64(time(nil))
        return .seconds(max(0, then - now))
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that RFC 9110 lets a server send.
    static func secondsSinceEpoch(httpDate text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), let year = Int64(parts[3]),
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int64($0) }
        guard clock.count == 3, (1...31).contains(day), (1...9999).contains(year) else { return nil }
        return Timestamp.days(year: year, month: Int64(month + 1), day: day) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }
}
