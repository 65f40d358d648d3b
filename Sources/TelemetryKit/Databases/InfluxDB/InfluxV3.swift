import TelemetryBase
import TelemetryModels
import TelemetryStores

/// InfluxDB 3.x: `/api/v3/write_lp`, and `/query` with InfluxQL.
/// Interface: https://docs.influxdata.com/influxdb3/core/api/
struct InfluxV3: InfluxInterface {
    let http: DatabaseHTTP
    let database: String
    let retentionPeriod: Duration?
    let mayCreate: Bool
    let layout: InfluxLayout

    var queries: any InfluxQueries {
        InfluxQLQueries(connection: InfluxQLConnection(http: http, database: database, generation: .v3), layout: layout)
    }

    private static let databases = "/api/v3/configure/database"

    /// A write would create the database without its retention period. A token that may not list databases can only
    /// write.
    func prepare() async throws {
        do {
            if try await databaseExists() { return }
        } catch let error as StoreError where error.kind == .unauthorized {
            return
        }
        guard mayCreate else {
            throw StoreError(.rejected, "\(http.url) has no database \(database), and creating it is not allowed")
        }
        try await create()
    }

    func create() async throws {
        var body = ByteWriter()
        body.append("{\"db\":")
        body.appendJSONString(database)
        if let retentionPeriod {
            body.append(",\"retention_period\":\"")
            body.appendDecimal(max(1, retentionPeriod.wholeNanoseconds / 1_000_000_000))
            body.append("s\"")
        }
        body.append("}")
        // Another writer may have created it at the same moment.
        _ = try await http.send("POST", Self.databases, body: .json(body.bytes), accepting: [409])
    }

    /// The list is `[{"iox::database":"name"},…]`.
    private func databaseExists() async throws -> Bool {
        let answer = try await http.send("GET", Self.databases, query: [("format", "json")], accept: "application/json")
        do {
            return try answer.body.withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                var found = false
                try reader.beginArray()
                while try reader.nextElement() {
                    try reader.beginObject()
                    while let key = try reader.nextKey() {
                        if key == "iox::database" {
                            let name = try reader.readString()
                            found = found || name == database
                        } else {
                            _ = try reader.skipValue()
                        }
                    }
                }
                return found
            }
        } catch {
            throw StoreError(.invalidAnswer, "\(http.url)\(Self.databases): \(error) in the list of databases")
        }
    }

    private static let writing = "/api/v3/write_lp"
    private var target: [(String, String)] {
        [("db", database), ("precision", "nanosecond"), ("accept_partial", "true")]
    }

    /// A refusal lists the lines, at most a hundred.
    func write(_ lines: [UInt8]) async throws -> WriteRefusal? {
        do {
            return try await http.write(lines, to: Self.writing, query: target)
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        }
    }

    func checkHealth() async throws {
        try await isPossible {
            guard try await databaseExists() else {
                throw MissingBucket(error: StoreError(.rejected, "\(http.url) has no database \(database)"))
            }
        } or: {
            try await http.mayWrite(to: Self.writing, query: target)
        }
    }
}
