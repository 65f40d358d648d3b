import TelemetryNet

/// Speaks HTTP to one side of VictoriaMetrics, and turns what is not success into ``StoreError``.
struct VictoriaHTTP: Sendable {
    private let client: CurlClient
    private let base: String
    /// The address for messages: without a password.
    private let shown: String
    private let token: String?
    private let timeout: Duration

    init(client: CurlClient, url: String, token: String?, timeout: Duration) throws {
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
        self.shown = shown
        self.token = token
        self.timeout = timeout
    }

    @discardableResult
    func post(_ path: String, _ body: [UInt8], type: String = "application/json") async throws -> [UInt8] {
        var request = CurlRequest(method: "POST", url: base + path, timeout: timeout)
        request.headers.append(("Content-Type", type))
        if let token, !token.isEmpty { request.headers.append(("Authorization", "Bearer " + token)) }
        request.body = body
        let response: CurlResponse
        do {
            response = try await client.send(request)
        } catch let failure as HTTPFailure {
            throw StoreError(failure.kind == .invalidRequest ? .rejected : .unavailable, "POST \(shown)\(path): \(failure.reason)")
        }
        guard (200..<300).contains(response.status) else { throw InfluxHTTP.error(of: response, to: "POST \(shown)\(path)") }
        return response.body
    }

    /// Asks with a form, since a list of GPUs may be longer than a URL.
    private func ask(_ path: String, _ fields: [(String, String)]) async throws -> [UInt8] {
        // A cluster without one of its nodes would answer with what is left.
        let body = Array(formEncoded(fields + [("deny_partial_response", "1")]).utf8)
        return try await post(path, body, type: "application/x-www-form-urlencoded")
    }

    /// The vector that an expression gives at a moment; milliseconds.
    func query(_ expression: String, at time: Int64) async throws -> [VictoriaVector.Element] {
        try await answer("/api/v1/query", [("query", expression), ("time", seconds(time))])
    }

    /// The values that an expression gives from one moment to another in steps; milliseconds.
    func query(_ expression: String, from start: Int64, through end: Int64, step: Int64) async throws -> [VictoriaVector.Element] {
        try await answer(
            "/api/v1/query_range", [("query", expression), ("start", seconds(start)), ("end", seconds(end)), ("step", "\(step)ms")])
    }

    private func answer(_ path: String, _ fields: [(String, String)]) async throws -> [VictoriaVector.Element] {
        // The cache would move the moments to multiples of its own.
        let body = try await ask(path, fields + [("nocache", "1")])
        do {
            return try VictoriaVector(body).elements
        } catch {
            throw StoreError(.invalidAnswer, "\(shown)\(path): byte \(error.offset): \(error.reason)")
        }
    }

    /// Raw samples of the series that the selector finds, both ends included.
    func export(_ selector: String, from start: Int64, through end: Int64) async throws -> [VictoriaExport.Line] {
        let body = try await ask("/api/v1/export", [("match[]", selector), ("start", seconds(start)), ("end", seconds(end))])
        do {
            return try VictoriaExport.lines(body)
        } catch let error as JSONError {
            throw StoreError(.invalidAnswer, "\(shown)/api/v1/export: byte \(error.offset): \(error.reason)")
        }
    }

    private func seconds(_ milliseconds: Int64) -> String {
        var out = ByteWriter()
        out.appendDecimal(milliseconds / 1000)
        out.append(".")
        out.appendDecimal(Int(milliseconds % 1000), width: 3)
        return String(decoding: out.bytes, as: UTF8.self)
    }
}
