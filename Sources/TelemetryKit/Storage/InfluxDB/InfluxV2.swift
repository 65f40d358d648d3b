import TelemetryNet

/// InfluxDB 2.x: `/api/v2/write`, and `/api/v2/query` with Flux.
/// Interface: https://docs.influxdata.com/influxdb/v2/api/
struct InfluxV2: InfluxInterface {
    let version: String
    let http: InfluxHTTP
    let org: String
    let bucket: String
    let retentionPeriod: Duration?
    let mayCreate: Bool
    let workloadTags: Bool

    func prepare() async throws {
        if try await bucketExists() { return }
        guard mayCreate else {
            throw StoreError(.rejected, "\(http.url) has no bucket \(bucket), and creating it is not allowed")
        }
        let organisations = try await http.send("GET", path("orgs"), query: [("org", org)], accept: "application/json")
        guard let id = try member("id", ofFirst: "orgs", organisations) else {
            throw StoreError(.rejected, "\(http.url) has no organization \(org)")
        }
        var body = ByteWriter()
        body.append("{\"orgID\":")
        body.appendJSONString(id)
        body.append(",\"name\":")
        body.appendJSONString(bucket)
        body.append(",\"retentionRules\":[")
        if let retentionPeriod {
            body.append("{\"type\":\"expire\",\"everySeconds\":")
            body.appendDecimal(max(1, retentionPeriod.wholeNanoseconds / 1_000_000_000))
            body.append("}")
        }
        body.append("]}")
        do {
            _ = try await http.send("POST", path("buckets"), body: .json(body.bytes), accept: "application/json")
        } catch let error as StoreError where error.kind == .rejected {
            // Another writer may have created it in the same moment.
            guard try await bucketExists() else { throw error }
        }
    }

    private func path(_ name: String) -> String { "/api/v2/" + name }

    private func bucketExists() async throws -> Bool {
        let answer = try await http.send(
            "GET", path("buckets"), query: [("org", org), ("name", bucket)], accept: "application/json", accepting: [404])
        if answer.status == 404 {
            // The same status says that the organization is unknown; the search for that tells.
            return false
        }
        return try member("name", ofFirst: "buckets", answer) == bucket
    }

    /// In `{"<list>":[{"<name>":"…"},…]}` the string of the first element; `nil` where the list is empty.
    private func member(_ name: StaticString, ofFirst list: StaticString, _ response: CurlResponse) throws -> String? {
        do {
            return try response.body.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                var found: String?
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    guard key == list else {
                        _ = try reader.skipValue()
                        continue
                    }
                    try reader.beginArray()
                    while try reader.nextElement() {
                        try reader.beginObject()
                        while let key = try reader.nextKey() {
                            if key == name, found == nil { found = try reader.readString() } else { _ = try reader.skipValue() }
                        }
                    }
                }
                return found
            }
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url): \(error) in the list of \(list)")
        }
    }

    func write(_ lines: [UInt8]) async throws {
        do {
            _ = try await http.send(
                "POST", path("write"), query: [("org", org), ("bucket", bucket), ("precision", "ns")], body: .lines(lines))
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        } catch let error as StoreError where error.isBeyondRetention {
            // The rest is stored, and these have lived their time.
        }
    }

    // MARK: Queries

    private var source: String { "from(bucket: \(Flux.string(bucket)))" }

    /// All that is held: `range` is not optional in Flux.
    private func values(uuid: String?, fields: [String] = ["value"]) -> String {
        let fieldFilter = fields.map { "r._field == \(Flux.string($0))" }.joined(separator: " or ")
        var text = "\(source) |> range(start: \(Flux.time(nil)), stop: \(Flux.time(afterAll)))"
        text += " |> filter(fn: (r) => \(fieldFilter))"
        if let uuid { text += " |> filter(fn: (r) => r.uuid == \(Flux.string(LineProtocolText.encoded(uuid))))" }
        return text
    }

    private var afterAll: Timestamp { Timestamp(nanoseconds: .max - 1) }
    private var workloadFields: [String] { workloadTags ? [] : ["container", "namespace", "pod"] }

    func newest(uuid: String?) async throws -> [SeriesEnd] {
        // `last` works on each field by itself; the pivot brings those of one time together.
        let script =
            values(uuid: uuid, fields: ["value"] + workloadFields)
            + #" |> last() |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")"#
        var ends: [String: SeriesEnd] = [:]
        for table in try await query(script).tables {
            for row in table.rows {
                guard let name = table.value(row, "_measurement"), let value = table.value(row, "value"), !value.isEmpty else { continue }
                let gpu = GPUIdentity { table.value(row, $0) }
                let end = SeriesEnd(metricName: LineProtocolText.decoded(name), gpu: gpu, time: try time(table.value(row, "_time")))
                // Tags that changed make series of their own: the newest of a metric and GPU counts.
                let key = "\(name) \(gpu.uuid)"
                if let known = ends[key], known.time >= end.time { continue }
                ends[key] = end
            }
        }
        return Array(ends.values)
    }

    func oldest(uuid: String?) async throws -> [String: Int64] {
        var times: [String: Int64] = [:]
        for table in try await query(values(uuid: uuid) + " |> first()").tables {
            for row in table.rows {
                let uuid = LineProtocolText.decoded(table.value(row, "uuid") ?? "")
                times[uuid] = min(times[uuid] ?? .max, try time(table.value(row, "_time")))
            }
        }
        return times
    }

    func counts(uuid: String?) async throws -> [SeriesCount] {
        let script = values(uuid: uuid) + #" |> group(columns: ["_measurement", "uuid"]) |> count()"#
        return try await query(script).tables.flatMap { table in
            try table.rows.map { row in
                SeriesCount(
                    metricName: LineProtocolText.decoded(table.value(row, "_measurement") ?? ""),
                    uuid: LineProtocolText.decoded(table.value(row, "uuid") ?? ""), count: try count(table.value(row, "_value")))
            }
        }
    }

    func telemetry(_ wanted: TelemetryQuery) async throws -> Page<GPUMetric> {
        let offset = max(0, wanted.offset)
        let limit = max(0, wanted.limit ?? .max)
        // The stop of a range is exclusive.
        let filter = wanted.filter
        let end = min(filter.endTime?.nanoseconds ?? .max, .max - 2) + 1
        func rows(from start: Timestamp?) -> String? {
            guard start?.nanoseconds ?? .min < end else { return nil }
            var rows = "\(source) |> range(start: \(Flux.time(start)), stop: \(Flux.time(Timestamp(nanoseconds: end))))"
            for (column, texts) in [
                ("uuid", filter.uuids), ("_measurement", filter.metricNames), ("hostname", filter.hostnames),
                ("model_name", filter.modelNames),
            ] where !texts.isEmpty {
                let any = texts.map { "r.\(column) == \(Flux.string(LineProtocolText.encoded($0)))" }.joined(separator: " or ")
                rows += " |> filter(fn: (r) => \(any))"
            }
            return rows
        }
        guard let all = rows(from: filter.startTime) else { return Page(items: [], total: 0) }
        let count = all + #" |> filter(fn: (r) => r._field == "value") |> group() |> count() |> yield(name: "total")"#
        guard limit > 0 else { return Page(items: [], total: try total(try await query(count))) }
        guard let some = rows(from: [filter.startTime, wanted.after?.timestamp].compactMap { $0 }.max()) else {
            return Page(items: [], total: try total(try await query(count)))
        }
        var page = some + #" |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")"#
        page += #" |> group() |> sort(columns: ["_time", "_measurement", "uuid"])"#
        // Several samples may stand at the cursor's time: they are counted off here.
        if wanted.after == nil, wanted.limit != nil || offset > 0 { page += " |> limit(n: \(limit), offset: \(offset))" }
        page += #" |> yield(name: "page")"#
        let answer = try await query(count + "\n" + page)
        var items = try metrics(answer)
        if let after = wanted.after {
            items = Array(items.filter { SampleCursor($0) > after }.dropFirst(offset).prefix(limit))
        }
        return Page(items: items, total: try total(answer))
    }

    private func total(_ answer: AnnotatedCSV) throws -> Int {
        for table in answer.tables {
            for row in table.rows where table.value(row, "result") == "total" { return try count(table.value(row, "_value")) }
        }
        return 0
    }

    private func metrics(_ answer: AnnotatedCSV) throws -> [GPUMetric] {
        var items: [GPUMetric] = []
        var series = SeriesTable()
        for table in answer.tables {
            for row in table.rows where table.value(row, "result") == "page" {
                guard let name = table.value(row, "_measurement"), var text = table.value(row, "value"), !text.isEmpty else { continue }
                guard let value = text.withUTF8({ parseDouble(UnsafeRawBufferPointer($0)) }), value.isFinite else {
                    throw invalid("\(text) is not a number")
                }
                items.append(GPUMetric(
                    timestamp: Timestamp(nanoseconds: try time(table.value(row, "_time"))), value: value,
                    series: try series.series(metricName: name) { table.value(row, $0) }))
            }
        }
        return items
    }

    func checkHealth() async throws {
        guard try await bucketExists() else { throw StoreError(.rejected, "\(http.url) has no bucket \(bucket)") }
    }

    private func query(_ script: String) async throws -> AnnotatedCSV {
        var body = ByteWriter()
        body.append("{\"type\":\"flux\",\"query\":")
        body.appendJSONString(script)
        body.append(#","dialect":{"header":true,"delimiter":",","annotations":["datatype","group","default"],"dateTimeFormat":"RFC3339Nano"}}"#)
        let response: CurlResponse
        do {
            response = try await http.send(
                "POST", path("query"), query: [("org", org)], body: .json(body.bytes), accept: "application/csv")
        } catch let error as StoreError where error.message.contains("could not find bucket") {
            throw MissingBucket(error: error)
        }
        let answer = try AnnotatedCSV(response.body)
        if let said = answer.error {
            let error = StoreError(.rejected, "\(http.url)/api/v2/query: \(said)")
            throw said.contains("could not find bucket") ? MissingBucket(error: error) : error
        }
        return answer
    }

    private func time(_ text: String?) throws -> Int64 {
        do {
            return try Timestamp(rfc3339: text ?? "").nanoseconds
        } catch {
            throw invalid("\(text ?? "no text") as a time is \(error)")
        }
    }

    private func count(_ text: String?) throws -> Int {
        guard let text, let count = Int(text) else { throw invalid("\(text ?? "no text") is not a count") }
        return count
    }

    private func invalid(_ reason: String) -> StoreError {
        StoreError(.invalidAnswer, "\(http.url)/api/v2/query: \(reason)")
    }
}

/// Literals of Flux. Whatever a caller gives goes through these, so that it stays a text.
/// Format: https://docs.influxdata.com/flux/v0/spec/lexical-elements/
enum Flux {
    static func string(_ text: String) -> String {
        var out = "\""
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "{" where previous == "$":
                // `${` begins an expression.
                out.removeLast()
                out += "\\${"
            default: out.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return out + "\""
    }

    /// A time literal; `nil`: the oldest that the database knows.
    static func time(_ time: Timestamp?) -> String {
        (time ?? Timestamp(nanoseconds: .min + 2)).description
    }
}
