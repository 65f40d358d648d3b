import TelemetryHTTPClient
import TelemetryStores

/// The `/query` endpoint of 1.x and 3.x.
struct InfluxQLConnection: Sendable {
    let http: DatabaseHTTP
    let database: String
    /// The retention policy; `nil` for the database's default.
    var retentionPolicy: String?
    /// 3.x accepts one statement per request, and has no limit of rows.
    let generation: Generation

    enum Generation: Sendable { case v1, v3 }

    /// The number of rows per chunk: the default of 1.x.
    static let chunkSize = 10_000

    /// Returns the tables of each statement.
    func run(_ statements: [String]) async throws -> [[InfluxQLSeries]] {
        if generation == .v1 || statements.count == 1 {
            let answers = try await send(statements.joined(separator: "; "))
            guard answers.count == statements.count else {
                throw StoreError(
                    .invalidAnswer, "\(http.url)/query: \(answers.count) results for \(statements.count) statements")
            }
            return answers
        }
        return try await withThrowingTaskGroup(of: (Int, [InfluxQLSeries]).self) { requests in
            for (i, statement) in statements.enumerated() {
                requests.addTask { (i, try await send(statement).first ?? []) }
            }
            var answers = [[InfluxQLSeries]](repeating: [], count: statements.count)
            for try await (i, tables) in requests { answers[i] = tables }
            return answers
        }
    }

    /// - Parameter onDatabase: `false` for statements that name their database, or none.
    func send(_ statements: String, onDatabase: Bool = true) async throws -> [[InfluxQLSeries]] {
        var parameters = [("epoch", "ns")]
        // `max-row-limit` truncates a response that is not chunked, in some cases without any sign of it.
        if generation == .v1 { parameters += [("chunked", "true"), ("chunk_size", "\(Self.chunkSize)")] }
        if onDatabase {
            parameters.append(("db", database))
            if let retentionPolicy { parameters.append(("rp", retentionPolicy)) }
        }
        let response: CurlResponse
        do {
            response = try await http.send(
                "POST", "/query", query: parameters, body: .form([("q", statements)]), accept: "application/json")
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        }
        let answer: InfluxQLAnswer
        do {
            answer = try InfluxQLAnswer(response.body)
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url)/query: byte \(error.offset): \(error.reason)")
        }
        if let said = answer.error { throw Self.failure(said, "\(http.url)/query: \(said)") }
        guard !answer.isCutOff else {
            throw StoreError(
                .unavailable, "\(http.url)/query: the response announces another chunk and ends without it")
        }
        guard answer.results.count > 0 else {
            throw StoreError(.invalidAnswer, "\(http.url)/query: a response without results")
        }
        return answer.results
    }

    /// The meaning of a statement's error. These beginnings are known (from the source of 1.6.6, 1.8.10 and 1.12.4);
    /// any other is a statement that the database refuses.
    ///
    /// - Parameter said: The database's own message.
    static func failure(_ said: String, _ message: String) -> any Error {
        if said.hasPrefix("database not found") { return MissingBucket(error: StoreError(.rejected, message)) }
        // A query that ran too long, one that was killed, too many at the same time, and a server that is stopping.
        let passing = [
            "query-timeout limit exceeded", "timeout", "query interrupted", "query aborted",
            "max-concurrent-queries limit exceeded",
            "query engine shutdown", "engine is closed",
        ]
        return StoreError(passing.contains(where: said.hasPrefix) ? .unavailable : .rejected, message)
    }
}
