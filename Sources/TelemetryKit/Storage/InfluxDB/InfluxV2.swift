import TelemetryNet

/// InfluxDB 2.x: `/api/v2/write`, and `/api/v2/query` with Flux.
/// Interface: https://docs.influxdata.com/influxdb/v2/api/
struct InfluxV2: InfluxInterface {
    let http: DatabaseHTTP
    let org: String
    let bucket: String
    let retentionPeriod: Duration?
    let mayCreate: Bool
    let layout: InfluxLayout

    var queries: any InfluxQueries { FluxQueries(http: http, org: org, bucket: bucket, layout: layout) }

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

    func write(_ lines: [UInt8]) async throws -> WriteRefusal? {
        do {
            return try await http.write(lines, to: path("write"), query: [("org", org), ("bucket", bucket), ("precision", "ns")])
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        }
    }

    func checkHealth() async throws {
        guard try await bucketExists() else { throw StoreError(.rejected, "\(http.url) has no bucket \(bucket)") }
    }
}
