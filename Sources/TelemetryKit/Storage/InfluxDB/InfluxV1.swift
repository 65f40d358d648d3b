/// InfluxDB 1.x: `/write`, and `/query` with InfluxQL.
/// Interface: https://docs.influxdata.com/influxdb/v1/tools/api/
struct InfluxV1: InfluxInterface {
    let http: DatabaseHTTP
    let database: String
    /// `nil`: the database's default.
    let retentionPolicy: String?
    let retentionPeriod: Duration?
    let mayCreate: Bool
    let layout: InfluxLayout

    private var connection: InfluxQLConnection {
        InfluxQLConnection(http: http, database: database, retentionPolicy: retentionPolicy, takesManyStatements: true)
    }

    var queries: any InfluxQueries { InfluxQLQueries(connection: connection, layout: layout) }

    func prepare() async throws {
        let databases = try await connection.send("SHOW DATABASES", onDatabase: false)[0]
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
        _ = try await connection.send(statement, onDatabase: false)
    }

    func write(_ lines: [UInt8]) async throws -> WriteRefusal? {
        var parameters = [("db", database), ("precision", "ns")]
        if let retentionPolicy { parameters.append(("rp", retentionPolicy)) }
        do {
            return try await http.write(lines, to: "/write", query: parameters)
        } catch let error as StoreError where error.message.contains("database not found") {
            throw MissingBucket(error: error)
        }
    }

    func checkHealth() async throws {
        _ = try await connection.send("SHOW RETENTION POLICIES ON " + InfluxQL.identifier(database))
    }
}
