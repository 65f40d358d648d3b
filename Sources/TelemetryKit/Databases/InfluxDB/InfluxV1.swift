import TelemetryModels
import TelemetryStores

/// InfluxDB 1.x: `/write`, and `/query` with InfluxQL.
/// Interface: https://docs.influxdata.com/influxdb/v1/tools/api/
struct InfluxV1: InfluxInterface {
    let http: DatabaseHTTP
    let database: String
    /// The retention policy; `nil` for the database's default.
    let retentionPolicy: String?
    let retentionPeriod: Duration?
    let layout: InfluxLayout

    private var connection: InfluxQLConnection {
        InfluxQLConnection(http: http, database: database, retentionPolicy: retentionPolicy, generation: .v1)
    }

    var queries: any InfluxQueries { InfluxQLQueries(connection: connection, layout: layout) }

    func create() async throws {
        var statement = "CREATE DATABASE " + InfluxQL.identifier(database)
        if retentionPeriod != nil || retentionPolicy != nil {
            statement += " WITH DURATION \(InfluxQL.duration(retentionPeriod)) REPLICATION 1"
            statement += " NAME " + InfluxQL.identifier(retentionPolicy ?? "telemetry")
        }
        _ = try await connection.send(statement, onDatabase: false)
    }

    private var target: [(String, String)] {
        [("db", database), ("precision", "ns")] + (retentionPolicy.map { [("rp", $0)] } ?? [])
    }

    func write(_ lines: [UInt8]) async throws -> WriteRefusal? {
        try await onTarget { try await http.write(lines, to: "/write", query: target) }
    }

    private func onTarget<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StoreError where error.status == 404 {
            throw MissingBucket(error: error)
        }
    }

    func checkHealth() async throws {
        try await isPossible {
            _ = try await connection.send("SHOW RETENTION POLICIES ON " + InfluxQL.identifier(database))
        } or: {
            try await onTarget { try await http.mayWrite(to: "/write", query: target) }
        }
    }
}
