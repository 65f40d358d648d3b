/// `/query` of 1.x and 3.x.
struct InfluxQLConnection: Sendable {
    let http: DatabaseHTTP
    let database: String
    /// `nil`: the database's default.
    var retentionPolicy: String?
    /// 3.x takes one statement a request.
    let takesManyStatements: Bool

    /// The tables of each statement.
    func run(_ statements: [String]) async throws -> [[InfluxQLSeries]] {
        if takesManyStatements || statements.count == 1 {
            let answers = try await send(statements.joined(separator: "; "))
            guard answers.count == statements.count else {
                throw StoreError(.invalidAnswer, "\(http.url)/query: \(answers.count) results of \(statements.count) statements")
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
        if onDatabase {
            parameters.append(("db", database))
            if let retentionPolicy { parameters.append(("rp", retentionPolicy)) }
        }
        let response: CurlResponse
        do {
            response = try await http.send("POST", "/query", query: parameters, body: .form([("q", statements)]), accept: "application/json")
        } catch let error as StoreError where error.message.contains("database not found") {
            throw MissingBucket(error: error)
        }
        let answer: InfluxQLAnswer
        do {
            answer = try InfluxQLAnswer(response.body)
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url)/query: byte \(error.offset): \(error.reason)")
        }
        if let said = answer.error {
            let error = StoreError(.rejected, "\(http.url)/query: \(said)")
            if said.contains("database not found") { throw MissingBucket(error: error) }
            throw said.contains("timeout") ? StoreError(.unavailable, error.message) : error
        }
        if answer.isPartial {
            throw StoreError(.rejected, "\(http.url)/query: the answer has more rows than the server gives (max-row-limit)")
        }
        guard answer.results.count > 0 else { throw StoreError(.invalidAnswer, "\(http.url)/query: an answer without results") }
        return answer.results
    }
}
