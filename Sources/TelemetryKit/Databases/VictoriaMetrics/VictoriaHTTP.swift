import TelemetryBase
import TelemetryHTTPClient
import TelemetryStores

/// One endpoint of VictoriaMetrics: for writing or for queries.
struct VictoriaHTTP: Sendable {
    private let http: DatabaseHTTP

    init(client: CurlClient, url: String, token: String?, timeout: Duration) throws {
        http = try DatabaseHTTP(client: client, url: url, token: token, scheme: .bearer, timeout: timeout)
    }

    /// JSON lines.
    func write(_ lines: [UInt8]) async throws {
        _ = try await http.send("POST", "/api/v1/import", body: .json(lines))
    }

    /// Sends a query as a form, because a list of GPUs may be longer than a URL may be.
    private func ask(_ path: String, _ fields: [(String, String)]) async throws -> [UInt8] {
        // Otherwise a cluster with a missing node would respond with the remaining data.
        try await http.send("POST", path, body: .form(fields + [("deny_partial_response", "1")])).body
    }

    /// Returns the vector that an expression has at a moment in milliseconds.
    func query(_ expression: String, at time: Int64) async throws -> [VictoriaVector.Element] {
        try await answer("/api/v1/query", [("query", expression), ("time", seconds(time))])
    }

    /// Returns the values that an expression has from one moment to another in steps, in milliseconds.
    func query(_ expression: String, from start: Int64, through end: Int64, step: Int64) async throws -> [VictoriaVector
        .Element]
    {
        try await answer(
            "/api/v1/query_range",
            [("query", expression), ("start", seconds(start)), ("end", seconds(end)), ("step", "\(step)ms")])
    }

    private func answer(_ path: String, _ fields: [(String, String)]) async throws -> [VictoriaVector.Element] {
        // The cache would round the moments to its own multiples.
        let body = try await ask(path, fields + [("nocache", "1")])
        do {
            return try VictoriaVector(body).elements
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url)\(path): byte \(error.offset): \(error.reason)")
        }
    }

    /// Returns the raw samples of the series that the selector matches, both ends inclusive.
    func export(_ selector: String, from start: Int64, through end: Int64) async throws -> [VictoriaExport.Line] {
        let body = try await ask(
            "/api/v1/export", [("match[]", selector), ("start", seconds(start)), ("end", seconds(end))])
        do {
            return try VictoriaExport.lines(body)
        } catch let error as JSONError {
            throw StoreError(.invalidAnswer, "\(http.url)/api/v1/export: byte \(error.offset): \(error.reason)")
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
