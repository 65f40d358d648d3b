import FaultSupport
import Foundation
import Testing

/// Debian's InfluxDB 1.6, in a directory of the test.
struct InfluxDB: Sendable {
    var process: ChildProcess
    var port: Int

    static let executable: String? = {
        if let path = ["/usr/bin/influxd", "/usr/local/bin/influxd"].first(where: FileManager.default.isExecutableFile)
        {
            return path
        }
        print(
            "*** influxd is absent: the end-to-end tests that store in InfluxDB are skipped. `make setup-tests` installs it."
        )
        return nil
    }()

    static var isPresent: Bool { executable != nil }
    static let absent: Comment = "needs influxd; make setup-tests installs it"

    /// Every value of the narrow schema, by `metric uuid nanoseconds`.
    func points(database: String = "gpu_telemetry") async throws -> [String: Double] {
        let query = #"SELECT "value", "uuid" FROM /.*/"#.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
        let answer = try await HTTP.get(port, "/query?db=\(database)&epoch=ns&q=\(query)")
        let object = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
        guard let result = (object?["results"] as? [[String: Any]])?.first, result["error"] == nil else {
            throw StageError("InfluxDB: \(answer.text.prefix(500))")
        }
        var points: [String: Double] = [:]
        for series in result["series"] as? [[String: Any]] ?? [] {
            guard let name = series["name"] as? String, let rows = series["values"] as? [[Any]] else {
                throw StageError("a series without rows")
            }
            for row in rows {
                let key = "\(name) \(row[2]) \(row[0])"
                // Two series of one GPU would be a point that is there twice.
                guard points.updateValue((row[1] as! NSNumber).doubleValue, forKey: key) == nil else {
                    throw StageError("\(key) is there twice")
                }
            }
        }
        return points
    }

    /// One value of an answer to InfluxQL: first series, first row, the named column.
    func value(_ query: String, column: String, database: String = "gpu_telemetry") async throws -> Double? {
        struct Answer: Decodable {
            struct Result: Decodable {
                var series: [Series]?
                var error: String?
            }
            struct Series: Decodable {
                var columns: [String]
                var values: [[Double?]]
            }
            var results: [Result]
        }
        var text = URLComponents()
        text.path = "/query"
        text.queryItems = [
            URLQueryItem(name: "db", value: database), URLQueryItem(name: "epoch", value: "ns"),
            URLQueryItem(name: "q", value: query),
        ]
        let result = try await HTTP.json(Answer.self, port, text.string!).results.first
        if let error = result?.error { throw StageError("InfluxDB: \(error)") }
        guard let series = result?.series?.first, let index = series.columns.firstIndex(of: column) else { return nil }
        return series.values.first?[index]
    }
}

extension Stage {
    func startInfluxDB(port wanted: Int? = nil) async throws -> InfluxDB {
        let port = try wanted ?? freePort()
        let configuration = """
            reporting-disabled = true
            bind-address = "127.0.0.1:\(try freePort())"
            [meta]
              dir = "\(path("influxdb/meta"))"
            [data]
              dir = "\(path("influxdb/data"))"
              wal-dir = "\(path("influxdb/wal"))"
            [http]
              bind-address = "127.0.0.1:\(port)"
              log-enabled = false
            """
        let file = try write(configuration, to: "influxdb.conf")
        let process = try start(
            "influxd", executable: try #require(InfluxDB.executable), arguments: ["-config", file],
            environment: ["HOME": directory.path, "PATH": "/usr/bin:/bin"])
        try await eventuallyTrue("ping of InfluxDB", unless: process) {
            try await HTTP.get(port, "/ping").status == 204
        }
        return InfluxDB(process: process, port: port)
    }
}
