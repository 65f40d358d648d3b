/// InfluxDB 1.x: `/write`, and `/query` with InfluxQL.
/// Interface: https://docs.influxdata.com/influxdb/v1/tools/api/
struct InfluxV1: InfluxInterface {
    let version: String
    let http: InfluxHTTP
    let database: String
    /// `nil`: the database's default.
    let retentionPolicy: String?
    let retentionPeriod: Duration?
    let mayCreate: Bool
    let workloadTags: Bool

    func prepare() async throws {
        let databases = try await query("SHOW DATABASES", onDatabase: false)[0]
        let names = databases.flatMap { $0.rows.compactMap { $0.first?.string } }
        if names.contains(database) { return }
        guard mayCreate else {
            throw StoreError(.rejected, "\(http.url) has no database \(database), and creating it is not allowed")
        }
        var statement = "CREATE DATABASE " + InfluxQL.identifier(database)
        if retentionPeriod != nil || retentionPolicy != nil {
            statement += " WITH DURATION \(InfluxQL.duration(retentionPeriod)) REPLICATION 1"
            statement += " NAME " + InfluxQL.identifier(retentionPolicy ?? "telemetry")
        }
        _ = try await query(statement, onDatabase: false)
    }

    func write(_ lines: [UInt8]) async throws {
        var parameters = [("db", database), ("precision", "ns")]
        if let retentionPolicy { parameters.append(("rp", retentionPolicy)) }
        do {
            _ = try await http.send("POST", "/write", query: parameters, body: .lines(lines))
        } catch let error as StoreError where error.message.contains("database not found") {
            throw MissingBucket(error: error)
        } catch let error as StoreError where error.isBeyondRetention {
            // The rest is stored, and these have lived their time.
        }
    }

    // MARK: Queries

    private static let identityColumns = ["device", "gpu_id", "hostname", "model_name", "uuid"]
    private static let workloadColumns = ["container", "namespace", "pod"]

    /// Columns with their kind, since another program's field of the same name would hide the tag.
    private var identitySelection: String {
        let tags = Self.identityColumns.map { InfluxQL.identifier($0) + "::tag" }
        let workload = Self.workloadColumns.map { InfluxQL.identifier($0) + (workloadTags ? "::tag" : "::field") }
        return (tags + workload).joined(separator: ", ")
    }

    private func condition(uuid: String?) -> String {
        uuid.map { " WHERE \"uuid\" = " + InfluxQL.string(storedUUID($0)) } ?? ""
    }

    private func condition(_ filter: SampleFilter, from start: Timestamp?) -> String {
        func any(_ tag: String, _ texts: [String]) -> String? {
            guard !texts.isEmpty else { return nil }
            return "(" + texts.map { "\(InfluxQL.identifier(tag)) = \(InfluxQL.string(storedUUID($0)))" }.joined(separator: " OR ") + ")"
        }
        var parts = [any("uuid", filter.uuids), any("hostname", filter.hostnames), any("model_name", filter.modelNames)].compactMap { $0 }
        for start in [filter.startTime, start].compactMap({ $0 }) { parts.append("time >= \(start.nanoseconds)") }
        if let end = filter.endTime { parts.append("time <= \(end.nanoseconds)") }
        return parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
    }

    /// An empty tag value is stored as no tag, which InfluxQL finds as an empty text.
    private func storedUUID(_ uuid: String) -> String { uuid.isEmpty ? "" : LineProtocolText.encoded(uuid) }

    func newest(uuid: String?) async throws -> [SeriesEnd] {
        let statement =
            "SELECT last(\"value\"), \(identitySelection) FROM /.*/\(condition(uuid: uuid)) GROUP BY \"uuid\""
        var ends: [SeriesEnd] = []
        for series in try await query(statement)[0] {
            let columns = Dictionary(series.columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            for (i, row) in series.rows.enumerated() {
                let gpu = GPUIdentity { name in columns[name].flatMap { row[$0].string } ?? series.tags[name] }
                ends.append(SeriesEnd(metricName: LineProtocolText.decoded(series.name), gpu: gpu, time: series.times[i]))
            }
        }
        return ends
    }

    func oldest(uuid: String?) async throws -> [String: Int64] {
        let statement = "SELECT first(\"value\") FROM /.*/\(condition(uuid: uuid)) GROUP BY \"uuid\""
        var times: [String: Int64] = [:]
        for series in try await query(statement)[0] {
            let uuid = LineProtocolText.decoded(series.tags["uuid"] ?? "")
            for time in series.times { times[uuid] = min(times[uuid] ?? .max, time) }
        }
        return times
    }

    func counts(uuid: String?) async throws -> [SeriesCount] {
        let statement = "SELECT count(\"value\") FROM /.*/\(condition(uuid: uuid)) GROUP BY \"uuid\""
        return try await query(statement)[0].flatMap { series in
            series.rows.map { row in
                SeriesCount(
                    metricName: LineProtocolText.decoded(series.name),
                    uuid: LineProtocolText.decoded(series.tags["uuid"] ?? ""), count: Int(row.first?.number ?? 0))
            }
        }
    }

    func telemetry(_ wanted: TelemetryQuery) async throws -> Page<GPUMetric> {
        let filter = wanted.filter
        let names = filter.metricNames.map { InfluxQL.identifier(LineProtocolText.encoded($0)) }
        let from = " FROM " + (names.isEmpty ? "/.*/" : names.joined(separator: ", "))
        let limit = max(0, wanted.limit ?? .max)
        let offset = max(0, wanted.offset)
        // A limit counts within each measurement: where there are several, as many of each may be on the page.
        // Without a limit the server takes an offset to mean one row, so it is counted off here.
        let isLimited = limit < 1 << 40 && offset < 1 << 40
        let skipsThere = names.count == 1 && isLimited && wanted.after == nil
        // Several samples may stand at the cursor's time, one of each series.
        let isPage = wanted.after == nil
        var statements = wanted.countsTotal ? ["SELECT count(\"value\")" + from + condition(filter, from: nil)] : []
        if limit > 0 {
            var statement = "SELECT \"value\"::field, \"labels_raw\"::field, \(identitySelection)\(from)"
            statement += condition(filter, from: wanted.after?.timestamp) + " ORDER BY time ASC"
            if isLimited && isPage { statement += skipsThere ? " LIMIT \(limit) OFFSET \(offset)" : " LIMIT \(limit + offset)" }
            statements.append(statement)
        }
        guard !statements.isEmpty else { return Page(items: [], total: 0) }
        let results = try await query(statements.joined(separator: "; "))
        let total = wanted.countsTotal ? results[0].reduce(0) { $0 + $1.rows.reduce(0) { $0 + Int($1.first?.number ?? 0) } } : nil
        guard limit > 0 else { return Page(items: [], total: total ?? 0) }
        var items = try metrics(results[results.count - 1])
        items.sort(by: StoreOrder.metrics)
        if let after = wanted.after { items.removeAll { SampleCursor($0) <= after } }
        items = Array(items.dropFirst(skipsThere ? 0 : offset).prefix(limit))
        return Page(items: items, total: total ?? items.count)
    }

    private func metrics(_ list: [InfluxQLSeries]) throws -> [GPUMetric] {
        var items: [GPUMetric] = []
        var table = SeriesTable()
        for series in list {
            let columns = Dictionary(series.columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
            guard let value = columns["value"] else { continue }
            for (i, row) in series.rows.enumerated() {
                guard let number = row[value].number else { continue }
                let identity = try table.series(metricName: series.name) { name in columns[name].flatMap { row[$0].string } }
                items.append(GPUMetric(
                    timestamp: Timestamp(nanoseconds: series.times[i]), value: number, series: identity))
            }
        }
        return items
    }

    func checkHealth() async throws {
        _ = try await query("SHOW RETENTION POLICIES ON " + InfluxQL.identifier(database))
    }

    /// Runs statements; the answer has one result for each.
    private func query(_ statements: String, onDatabase: Bool = true) async throws -> [[InfluxQLSeries]] {
        var parameters = [("epoch", "ns")]
        if onDatabase {
            parameters.append(("db", database))
            if let retentionPolicy { parameters.append(("rp", retentionPolicy)) }
        }
        let response = try await http.send("POST", "/query", query: parameters, body: .form([("q", statements)]))
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
        guard answer.results.count > 0 else { throw StoreError(.invalidAnswer, "\(http.url)/query: an answer without results") }
        return answer.results
    }
}

extension StoreError {
    /// A write of which only samples older than the retention period were left out.
    var isBeyondRetention: Bool { kind == .rejected && message.contains("points beyond retention policy") }
}
