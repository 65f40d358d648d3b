import TelemetryBase
import TelemetryHTTPClient
import TelemetryModels
import TelemetryStores

/// InfluxDB 2.x: `/api/v2/write`, and `/api/v2/query` with Flux.
/// Interface: https://docs.influxdata.com/influxdb/v2/api/
struct InfluxV2: InfluxInterface {
    let http: DatabaseHTTP
    let org: String
    let bucket: String
    let retentionPeriod: Duration?
    let layout: InfluxLayout

    var queries: any InfluxQueries { FluxQueries(http: http, org: org, bucket: bucket, layout: layout) }

    func create() async throws {
        let organisations = try await http.send("GET", path("orgs"), query: [("org", org)], accept: "application/json")
        // A token that may not list organizations receives an empty list.
        guard let id = try member("id", ofFirst: "orgs", organisations) else {
            throw StoreError(.rejected, "\(http.url) has no organization \(org), or the token may not see it")
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
        _ = try await http.send("POST", path("buckets"), body: .json(body.bytes), accept: "application/json")
    }

    private func path(_ name: String) -> String { "/api/v2/" + name }

    /// Returns the string of the first element in `{"<list>":[{"<name>":"…"},…]}`; `nil` if the list is empty.
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
                            if key == name, found == nil {
                                found = try reader.readString()
                            } else {
                                _ = try reader.skipValue()
                            }
                        }
                    }
                }
                return found
            }
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url): \(error) in the list of \(list)")
        }
    }

    private var target: [(String, String)] { [("org", org), ("bucket", bucket), ("precision", "ns")] }

    func write(_ lines: [UInt8]) async throws -> WriteRefusal? {
        try await onTarget { try await http.write(lines, to: path("write"), query: target) }
    }

    private func onTarget<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        }
    }

    /// A bucket that a token may not read is reported as missing.
    func checkHealth() async throws {
        try await isPossible {
            try await FluxQueries(http: http, org: org, bucket: bucket, layout: layout).probe()
        } or: {
            try await onTarget { try await http.mayWrite(to: path("write"), query: target) }
        }
    }
}
