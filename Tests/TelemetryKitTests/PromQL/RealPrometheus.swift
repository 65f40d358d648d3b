import Foundation
import TelemetryBase

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

/// The same samples in a real Prometheus, Debian's package, and behind a gateway; and a client that asks both.
final class RealPrometheus: Sendable {
    let prometheus: RealServer
    let gateway: Gateway
    let gatewayURL: String
    private let client: CurlClient

    init(_ samples: [GPUMetric]) async throws {
        let text = Self.openMetrics(samples)
        prometheus = try await RealServer.start("/usr/bin/prometheus", ready: "/-/ready") { directory, port in
            let command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "/dev/stdin", "\(directory)/data"]
            let (status, output) = try Command.run(command, input: Array(text.utf8))
            guard status == 0 else { throw RealServer.Failure(description: String(decoding: output, as: UTF8.self)) }
            try "{}\n".write(toFile: directory + "/prometheus.yml", atomically: true, encoding: .utf8)
            return [
                "--config.file=\(directory)/prometheus.yml", "--storage.tsdb.path=\(directory)/data",
                "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:\(port)",
            ]
        }
        let store = MemoryStore()
        try await store.write([
            MetricBatch(batchID: "b", source: "test", collectedAt: Timestamp(nanoseconds: 0), metrics: samples)
        ])
        var configuration = Gateway.Configuration()
        configuration.port = 0
        gateway = Gateway(store: store, configuration: configuration)
        gatewayURL = "http://127.0.0.1:\(try await gateway.start())/prometheus"
        client = try CurlClient()
    }

    func close() async {
        client.close()
        await gateway.shutdown(within: .zero)
    }

    /// Of Prometheus, and of the gateway.
    func ask(_ path: String, _ parameters: [(String, String)]) async throws -> (wanted: Reply, found: Reply) {
        let query = parameters.map { percentEncoded($0.0) + "=" + percentEncoded($0.1) }.joined(separator: "&")
        return (
            try await Self.reply(client, prometheus.url + "/api/v1/\(path)?\(query)"),
            try await Self.reply(client, gatewayURL + "/api/v1/\(path)?\(query)")
        )
    }

    struct Reply {
        var status: Int
        var json: [String: Any]
        var data: Any? { json["data"] }
    }

    private static func reply(_ client: CurlClient, _ url: String) async throws -> Reply {
        let answer = try await client.send(CurlRequest(url: url))
        guard let json = try JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any] else {
            throw RealServer.Failure(description: "\(url) is no object: \(answer.text)")
        }
        return Reply(status: answer.status, json: json)
    }

    /// With times in seconds, as OpenMetrics has them.
    private static func openMetrics(_ samples: [GPUMetric]) -> String {
        var text = ""
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\(promQLQuoted($0.value))" }.joined(separator: ",")
            let milliseconds = sample.timestamp.nanoseconds / 1_000_000
            text +=
                "\(sample.metricName){\(labels)} \(sample.value) \(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())\n"
        }
        return text + "# EOF\n"
    }
}

/// What a query gave, in a form that can be compared.
struct QueryResult: CustomStringConvertible {
    var type: String
    /// Points by labels.
    var series: [String: [(time: Double, value: Double)]] = [:]
    /// The labels in the order of the answer.
    var order: [String] = []

    init?(_ data: Any?) {
        guard let data = data as? [String: Any], let type = data["resultType"] as? String,
            let result = data["result"] as? [Any]
        else { return nil }
        self.type = type
        if type == "scalar" {
            guard let point = Self.point(result) else { return nil }
            series[""] = [point]
            return
        }
        if type == "string" {
            order = ["\(result)"]
            return
        }
        for entry in result {
            guard let entry = entry as? [String: Any], let metric = entry["metric"] as? [String: String] else {
                return nil
            }
            let labels = metric.sorted { $0.key < $1.key }.map { "\($0.key)=\(promQLQuoted($0.value))" }.joined(
                separator: ",")
            let values = (entry["values"] as? [[Any]]) ?? [(entry["value"] as? [Any]) ?? []]
            let points = values.compactMap(Self.point)
            guard points.count == values.count, series.updateValue(points, forKey: labels) == nil else { return nil }
            order.append(labels)
        }
    }

    private static func point(_ pair: [Any]) -> (time: Double, value: Double)? {
        guard pair.count == 2, let time = pair[0] as? Double, let text = pair[1] as? String else { return nil }
        let words = ["NaN": Double.nan, "+Inf": .infinity, "-Inf": -.infinity]
        return (words[text] ?? Double(text)).map { (time, $0) }
    }

    /// `nil`: they agree, to a relative 1e-9.
    func difference(from wanted: QueryResult) -> String? {
        if type != wanted.type { return "type \(type), not \(wanted.type)" }
        if type == "string", order != wanted.order { return "\(order), not \(wanted.order)" }
        for labels in Set(series.keys).union(wanted.series.keys).sorted() {
            guard let points = series[labels] else { return "{\(labels)} is missing" }
            guard let others = wanted.series[labels] else { return "{\(labels)} is too much" }
            if points.map(\.time) != others.map(\.time) {
                return "{\(labels)} at \(points.map(\.time)), not \(others.map(\.time))"
            }
            for (a, b) in zip(points, others) where !Self.isSame(a.value, b.value) {
                return "{\(labels)} at \(a.time) is \(a.value), not \(b.value)"
            }
        }
        return nil
    }

    private static func isSame(_ a: Double, _ b: Double) -> Bool {
        if a == b || (a.isNaN && b.isNaN) { return true }
        // A difference of two like sums is 0 in exact arithmetic and an error of rounding otherwise.
        return abs(a - b) <= max(1e-9 * max(a.magnitude, b.magnitude), 1e-9)
    }

    var description: String { "\(type) of \(series.count)" }
}
