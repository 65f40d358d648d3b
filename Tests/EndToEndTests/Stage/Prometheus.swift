import Foundation

/// What `/metrics` says, as the Prometheus project's own Python client understands it.
struct PrometheusSamples: Sendable {
    private struct Sample: Decodable {
        var name: String
        var labels: [String: String]
        var value: Double
        var type: String
    }

    private let samples: [Sample]

    /// Throws where the client cannot read the text.
    init(_ port: Int) async throws {
        let answer = try await HTTP.get(port, "/metrics")
        guard answer.status == 200, answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8" else {
            throw StageError("/metrics: \(answer.status) \(answer.headers)")
        }
        let script = """
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families as families
            print(json.dumps([dict(name=s.name, labels=s.labels, value=s.value, type=f.type)
                              for f in families(sys.stdin.read()) for s in f.samples]))
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // Where setup.sh installs what the machine's python3 does not have.
        let installed = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../.run/python/bin/python3"
        ).standardized
        process.arguments = [
            FileManager.default.isExecutableFile(atPath: installed.path) ? installed.path : "python3", "-c", script,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        input.fileHandleForWriting.write(answer.body)
        try input.fileHandleForWriting.close()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw StageError("prometheus_client, which make test installs, does not read this:\n\(answer.text)")
        }
        samples = try JSONDecoder().decode([Sample].self, from: text)
    }

    /// The value of a sample; `nil` where there is none of this name and these labels.
    subscript(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        samples.first { $0.name == name && $0.labels == labels }?.value
    }

    /// Names of samples that belong to no declared family.
    var undeclared: [String] { samples.filter { $0.type == "unknown" || $0.type == "untyped" }.map(\.name) }
}

extension HTTP {
    /// A sample of `/metrics`, named with its labels as the text has them: cheap enough to be asked for again and again.
    static func metric(_ port: Int, _ sample: String) async throws -> Double? {
        let lines = try await get(port, "/metrics").text.split(separator: "\n")
        return lines.first { $0.hasPrefix(sample + " ") }.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }
}
