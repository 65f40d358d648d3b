import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryReaders

@Suite("The dashboard's files")
struct DashboardRoutesTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Sources/TelemetryKit/Gateway/Dashboard").standardized

    private static let files: [URL] =
        (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    ]

    @Test(
        "every file is served as it is, with its type, a policy against foreign script, and an entity tag that 304 answers to"
    )
    func served() async throws {
        #expect(Self.files.count > 15)
        try await GatewayStage.with { stage in
            var tags: Set<String> = []
            for file in Self.files {
                let name = file.lastPathComponent
                let path = name == "dashboard.html" ? "/" : "/dashboard/" + name
                let answer = try await stage.get(path)
                #expect(answer.status == 200, "\(name)")
                let bytes = try Data(contentsOf: file)
                #expect(Data(answer.body) == bytes, "\(name)")
                #expect(answer.header("content-type") == Self.types[file.pathExtension], "\(name)")
                let policy = answer.header("content-security-policy") ?? ""
                #expect(policy.hasPrefix("default-src 'self';") && !policy.contains("unsafe"), "\(name)")
                #expect(answer.header("x-content-type-options") == "nosniff")
                let tag = try #require(answer.header("etag"))
                tags.insert(tag)
                for given in [tag, "\"other\", W/\(tag)"] {
                    let again = try await stage.get(path, headers: [(name: "If-None-Match", value: given)])
                    #expect(again.status == 304 && again.body.isEmpty, "\(name)")
                    #expect(again.header("etag") == tag)
                }
                let changed = try await stage.get(path, headers: [(name: "If-None-Match", value: "\"other\"")])
                #expect(changed.status == 200)
            }
            #expect(tags.count == Self.files.count)
            for name in ["dashboard.html", "none.js", "..%2FGateway.swift"] {
                let absent = try await stage.get("/dashboard/" + name)
                #expect(absent.status == 404)
            }
        }
    }

    /// A file that is there, but that nothing loads, or one that is loaded and not there, shows in neither of the tests above.
    @Test("the page and its modules name exactly the files that are there")
    func complete() throws {
        var named: Set<String> = ["dashboard.html"]
        for file in Self.files {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(?:from "\.\/|(?:src|href)="dashboard\/)([a-z]+\.[a-z]+)"/) {
                named.insert(String(match.1))
            }
        }
        #expect(named == Set(Self.files.map(\.lastPathComponent)))
    }

    @Test("no file names another server, has script or style in markup, or makes markup of text")
    func contained() throws {
        for file in Self.files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let foreign = text.matches(of: /https?:\/\/[^\s"']+/).map { String($0.0) }.filter {
                $0 != "http://www.w3.org/2000/svg"
            }
            #expect(foreign.isEmpty, "\(file.lastPathComponent)")
            for name in [
                "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", " style=\"", "<style",
                " onclick=",
            ] {
                #expect(!text.contains(name), "\(file.lastPathComponent) has \(name)")
            }
        }
    }
}
