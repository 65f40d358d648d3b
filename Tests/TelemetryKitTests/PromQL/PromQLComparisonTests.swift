import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPromQL

@Suite("PromQL, beside a real Prometheus with the same samples", .timeLimit(.minutes(20)))
struct PromQLComparisonTests {
    /// Inside, at the edges and beyond the samples; on scrapes and between them.
    static let times: [Int64] = [0, 299_999, 300_000, 900_000, 1_234_567, 1_800_000, 2_100_000].map {
        FleetSamples.start + $0
    }

    static func with(_ body: (RealPrometheus) async throws -> Void) async throws {
        let real = try await RealPrometheus(FleetSamples.make())
        do {
            try await body(real)
        } catch {
            await real.close()
            throw error
        }
        await real.close()
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        "\(milliseconds / 1000).\(String(milliseconds % 1000 + 1000).dropFirst())"
    }

    /// Records where the answers differ; returns whether both were answers.
    @discardableResult
    static func compare(_ real: RealPrometheus, _ path: String, _ query: String, _ parameters: [(String, String)])
        async throws -> Bool
    {
        let (wanted, found) = try await real.ask(path, [("query", query)] + parameters)
        let context = "\(query) \(parameters)"
        guard wanted.status == 200 else {
            #expect(found.status == wanted.status, "\(context): \(found.json), not \(wanted.json)")
            #expect(
                found.json["errorType"] as? String == wanted.json["errorType"] as? String,
                "\(context): \(found.json), not \(wanted.json)")
            return false
        }
        guard found.status == 200 else {
            Issue.record("\(context): \(found.json)")
            return false
        }
        let (left, right) = (
            try #require(QueryResult(found.data), "\(context)"), try #require(QueryResult(wanted.data), "\(context)")
        )
        let difference = left.difference(from: right)
        #expect(difference == nil, "\(context)")
        if query.hasPrefix("sort") || query.hasPrefix("topk(2") || query.hasPrefix("bottomk(") || path == "query_range"
        {
            #expect(left.order == right.order, "\(context)")
        }
        return true
    }

    static func compareAll(_ real: RealPrometheus, _ query: String) async throws -> Int {
        var answers = 0
        for time in times where try await compare(real, "query", query, [("time", seconds(time))]) { answers += 1 }
        for (from, to, step) in [(0, 1_800_000, "15s"), (-60_000, 2_400_000, "97.5")] as [(Int64, Int64, String)] {
            let range = [
                ("start", seconds(FleetSamples.start + from)), ("end", seconds(FleetSamples.start + to)),
                ("step", step),
            ]
            if try await compare(real, "query_range", query, range) { answers += 1 }
        }
        return answers
    }

    @Test("what people ask of DCGM's metrics, and every function and operator")
    func known() async throws {
        #expect(Set(KnownQueries.all).count > 300)
        try await Self.with { real in
            var answers = 0
            for query in KnownQueries.all { answers += try await Self.compareAll(real, query) }
            #expect(answers > 2500)
        }
    }

    @Test("random queries from the grammar", arguments: [1, 2] as [UInt64])
    func random(seed: UInt64) async throws {
        var generator = RandomPromQL(seed: seed)
        try await Self.with { real in
            var answers = 0
            for _ in 0..<200 { answers += try await Self.compareAll(real, generator.query()) }
            #expect(answers > 1000)
        }
    }

    private static let directories: [(path: String, matches: [String])] = [
        ("series", ["DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}"]),
        ("series", ["DCGM_FI_DEV_FB_USED{gpu!=\"1\"}", "{Hostname=\"dgx-031\", pod=\"\"}"]),
        ("series", ["nothing"]), ("series", []), ("series", ["{"]), ("series", ["up[5m]"]), ("labels", []),
        ("labels", ["DCGM_FI_DEV_GPU_TEMP{gpu=\"1\"}"]), ("labels", ["DCGM_FI_DEV_GPU_TEMP"]),
        ("label/instance/values", ["DCGM_FI_DEV_GPU_TEMP"]),
        ("label/gpu/values", []), ("label/__name__/values", []), ("label/__name__/values", ["{gpu=~\"0\"}"]),
        ("label/UUID/values", ["{gpu!=\"0\"}"]), ("label/nothing/values", []), ("label/no-label/values", []),
        ("label/namespace/values", []),
    ]

    @Test("series, names and values of labels")
    func directory() async throws {
        try await Self.with { real in
            for (path, matches) in Self.directories {
                for bounds in [
                    [], [("start", "1752871200"), ("end", "2025-07-18T21:10:00Z")],
                    [("start", "1752890000"), ("end", "1752890001")],
                ] {
                    let (wanted, found) = try await real.ask(path, matches.map { ("match[]", $0) } + bounds)
                    let context = "\(path) \(matches) \(bounds)"
                    #expect(
                        found.status == wanted.status
                            && found.json["status"] as? String == wanted.json["status"] as? String, "\(context)")
                    #expect(found.json["errorType"] as? String == wanted.json["errorType"] as? String, "\(context)")
                    guard wanted.status == 200 else { continue }
                    let (a, b) = (Self.texts(found.data), Self.texts(wanted.data))
                    // Series are in no order that is promised.
                    #expect(path == "series" ? a.sorted() == b.sorted() : a == b, "\(context): \(a), not \(b)")
                }
            }
        }
    }

    private static func texts(_ data: Any?) -> [String] {
        (data as? [Any] ?? []).map { element in
            guard let labels = element as? [String: String] else { return "\(element)" }
            return labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        }
    }

    private static let requests: [(path: String, parameters: [(String, String)])] = [
        ("query", []), ("query", [("query", "1"), ("time", "yesterday")]),
        ("query", [("query", "1"), ("timeout", "soon")]),
        ("query_range", [("query", "1"), ("start", "2"), ("end", "1"), ("step", "1")]),
        ("query_range", [("query", "1"), ("start", "1"), ("end", "2"), ("step", "0")]),
        ("query_range", [("query", "1"), ("start", "0"), ("end", "11001"), ("step", "1")]),
        ("query_range", [("query", "1"), ("start", "0"), ("end", "11000"), ("step", "1")]),
        ("query_range", [("query", "1"), ("start", "0"), ("end", "1")]),
        ("query_range", [("query", "1"), ("end", "1"), ("step", "1")]),
        ("query_range", [("query", "up[5m]"), ("start", "0"), ("end", "1"), ("step", "1s")]),
        ("query_range", [("query", "\"a\""), ("start", "0"), ("end", "1"), ("step", "1s")]),
        ("query", [("query", "1"), ("time", "2025-07-18T20:42:34.5Z")]),
        ("query", [("query", "time()"), ("time", "-1.25")]),
        ("query", [("query", "1"), ("unknown", "2")]), ("query", [("query", "time()"), ("time", "1752871200.0625")]),
        ("query", [("query", "time()"), ("time", "2025-07-18T20:42:34.5+02:00")]),
        ("query", [("query", "1"), ("timeout", "30s")]),
    ]

    @Test("requests that are wrong are refused in the same way")
    func requests() async throws {
        try await Self.with { real in
            for (path, parameters) in Self.requests {
                let (wanted, found) = try await real.ask(path, parameters)
                let context = "\(path) \(parameters): \(found.json), not \(wanted.json)"
                #expect(found.status == wanted.status, "\(context)")
                #expect(found.json["errorType"] as? String == wanted.json["errorType"] as? String, "\(context)")
                // Without a time it is now, which differs.
                guard wanted.status == 200, parameters.contains(where: { $0.0 == "time" || $0.0 == "start" }) else {
                    continue
                }
                let (a, b) = (try #require(found.data as? NSDictionary), try #require(wanted.data as? NSDictionary))
                #expect(a.isEqual(b), "\(context)")
            }
        }
    }
}
