import Foundation

/// What `/metrics` of several programs held at one reading after the other, as the input of `promtool test rules`: a reading stands for a
/// minute there, so an alert that waits for 15 minutes can be tried in seconds, on values that real programs have served.
struct RecordedMetrics {
    struct Target {
        var name: String
        var port: Int
    }

    private var readings: [[String: String]] = []

    var minutes: Int { readings.count }

    /// Reads every target once. One that does not respond is down, as for Prometheus.
    mutating func read(_ targets: [Target]) async throws {
        var reading: [String: String] = [:]
        for target in targets {
            let labels = #"job="gpu-telemetry",instance="\#(target.name)""#
            let response = try? await HTTP.get(target.port, "/metrics")
            reading["up{\(labels)}"] = response?.status == 200 ? "1" : "0"
            guard let response, response.status == 200 else { continue }
            for line in response.text.split(separator: "\n") where !line.hasPrefix("#") {
                guard let end = line.lastIndex(of: " "), let value = Double(line[line.index(after: end)...]) else {
                    throw StageError("\(target.name): not a sample: \(line)")
                }
                var series = String(line[..<end])
                if series.hasSuffix("}") {
                    series = series.dropLast() + "," + labels + "}"
                } else {
                    series += "{\(labels)}"
                }
                // Of promtool's own form for values, which has no exponents.
                reading[series] =
                    value.isNaN
                    ? "NaN" : value == value.rounded() ? String(format: "%.0f", value) : String(format: "%.9f", value)
            }
        }
        readings.append(reading)
    }

    /// The names of the alerts that fired at any time.
    func firing(rules: String, in directory: URL) throws -> Set<String> {
        let file = directory.appending(path: "rules-test.yaml")
        // promtool can only compare: that no alert fired is expected, and its report of the difference names those that did.
        let text = """
            rule_files: ['\(rules)']
            evaluation_interval: 1m
            tests:
              - interval: 1m
                input_series:
            \(inputSeries)
                promql_expr_test:
                  - expr: count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[\(minutes)m]))
                    eval_time: \(minutes - 1)m
                    exp_samples: []

            """
        try text.write(to: file, atomically: true, encoding: .utf8)
        let promtool = Process()
        promtool.executableURL = URL(filePath: "/usr/bin/promtool")
        promtool.arguments = ["test", "rules", file.path]
        let output = Pipe()
        promtool.standardOutput = output
        promtool.standardError = output
        try promtool.run()
        let report = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        promtool.waitUntilExit()
        if promtool.terminationStatus == 0 { return [] }
        guard let got = report.range(of: "got: ") else { throw StageError("promtool: \(report.suffix(2000))") }
        return Set(report[got.upperBound...].matches(of: #/alertname="(\w+)"/#).map { String($0.1) })
    }

    private var inputSeries: String {
        var all: Set<String> = []
        for reading in readings { all.formUnion(reading.keys) }
        return all.sorted().map { series in
            var wasThere = false
            let values = readings.map { reading -> String in
                defer { wasThere = reading[series] != nil }
                return reading[series] ?? (wasThere ? "stale" : "_")
            }
            let quoted = series.replacing("'", with: "''")
            return "      - series: '\(quoted)'\n        values: '\(values.joined(separator: " "))'"
        }.joined(separator: "\n")
    }
}
