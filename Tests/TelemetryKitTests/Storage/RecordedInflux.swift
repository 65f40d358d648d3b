import Foundation
import Synchronization

/// The recorded requests to a real server of InfluxDB 2 and its responses, a JSON object a line, and a server that
/// repeats them: it looks at the token, the method and the path as that one did.
final class RecordedInflux: Sendable {
    struct Exchange: Decodable, Sendable {
        var name: String
        var token: String?
        var method: String
        var path: String
        var body: String?
        var status: Int
        var headers: [String: String]
        var response: String
    }

    /// `../shared/data/influxdb2`, which the repository does not contain.
    static let directory: URL = URL(filePath: RealExport.path).deletingLastPathComponent().appending(path: "influxdb2")
    static let versions = ["2.7.11", "2.8.0"]
    static let isPresent: Bool = {
        if versions.allSatisfy({ FileManager.default.fileExists(atPath: directory.appending(path: $0 + ".jsonl").path) }
        ) {
            return true
        }
        print("*** Recorded responses of InfluxDB 2 are absent at \(directory.path): tests that read them are skipped.")
        return false
    }()

    let exchanges: [Exchange]
    let unknown = Mutex<[String]>([])

    init(_ version: String) throws {
        let text = try String(contentsOf: Self.directory.appending(path: version + ".jsonl"), encoding: .utf8)
        exchanges = try text.split(separator: "\n").map { try JSONDecoder().decode(Exchange.self, from: Data($0.utf8)) }
    }

    func reply(_ exchange: Exchange) -> ScriptedServer.Reply {
        .answer(exchange.status, exchange.headers.filter { $0.key.lowercased().hasPrefix("x-") }, exchange.response)
    }

    func named(_ name: String) -> Exchange { exchanges.first { $0.name == name }! }

    /// What was recorded for this token (the part of `Authorization` after `Token `), method and path.
    func reply(to request: ScriptedServer.Request) -> ScriptedServer.Reply {
        let token = request.headers["authorization"].map { String($0.dropFirst("Token ".count)) }
        let known = exchanges.filter { $0.method == request.method && $0.path == request.target }
        if request.path == "/ping" { return reply(named("ping")) }
        let same = known.filter { $0.token == token }
        if let exchange = same.first(where: { $0.body == request.body }) ?? same.first { return reply(exchange) }
        unknown.withLock { $0.append("\(token ?? "no token") \(request.method) \(request.target)") }
        return .answer(599, [:], "not recorded")
    }
}
