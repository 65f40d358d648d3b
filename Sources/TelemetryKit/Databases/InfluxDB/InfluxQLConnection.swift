import TelemetryHTTPClient
import TelemetryStores

/// `/query` of 1.x and 3.x.
struct InfluxQLConnection: Sendable {
    let http: DatabaseHTTP
    let database: String
    /// `nil`: the database's default.
    var retentionPolicy: String?
    /// 3.x takes one statement a request, and has no limit of rows.
    let generation: Generation

    enum Generation: Sendable { case v1, v3 }

    /// Rows of a chunk: the size that 1.x takes by default.
    static let chunkSize = 10_000

    /// The tables of each statement.
    func run(_ statements: [String]) async throws -> [[InfluxQLSeries]] {
        if generation == .v1 || statements.count == 1 {
            let answers = try await send(statements.joined(separator: "; "))
            guard answers.count == statements.count else {
                throw StoreError(
                    .invalidAnswer, "\(http.url)/query: \(answers.count) results of \(statements.count) statements")
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

    /// - Parameter onDatabase: `false` for statements that name theirs, or none.
    func send(_ statements: String, onDatabase: Bool = true) async throws -> [[InfluxQLSeries]] {
        var parameters = [("epoch", "ns")]
        // `max-row-limit` cuts off a response that is not in chunks, in part without any sign of it.
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
            throw StoreError(.invalidAnswer, "\(http.url)/query: an answer without results")
        }
        return answer.results
    }

    /// What an error of a statement means. These beginnings are known (their source was read in 1.6.6, 1.8.10 and
    /// 1.12.4); any other is a statement that the database refuses.
    ///
    /// - Parameter said: the database's own words.
    static func failure(_ said: String, _ message: String) -> any Error {
        if said.hasPrefix("database not found") { return MissingBucket(error: StoreError(.rejected, message)) }
        // Of a query that ran too long, of one that was killed, of too many at one time, and of a server that stops.
        let passing = [
            "query-timeout limit exceeded", "timeout", "query interrupted", "query aborted",
            "max-concurrent-queries limit exceeded",
            "query engine shutdown", "engine is closed",
        ]
        return StoreError(passing.contains(where: said.hasPrefix) ? .unavailable : .rejected, message)
    }
}
