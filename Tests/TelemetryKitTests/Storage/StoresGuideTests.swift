import Foundation
import TelemetryKit
import Testing

@Suite("Guide to stores")
struct StoresGuideTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    static func snippets(of page: String) throws -> [String] {
        let guide = try String(contentsOf: folder.appending(path: "../../../Docs/\(page)"), encoding: .utf8)
        return guide.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
    }

    @Test("the adapter in Docs/WritingAStore.md is the one that is compiled here")
    func source() throws {
        let source = try String(contentsOf: Self.folder.appending(path: "ListStore.swift"), encoding: .utf8)
        #expect(try Self.snippets(of: "WritingAStore.md").contains(source))
    }

    @Test("and it keeps every promise")
    func conformance() async throws {
        let violations = try await StoreConformance(rounds: 8).check { ListStore() }
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test("the ways to open a store that Docs/Stores.md shows are what the code understands")
    func stores() throws {
        let shown = try Self.snippets(of: "Stores.md").joined()
        let single = VictoriaMetricsStore.Configuration(url: "http://victoria:8428")
        let cluster = VictoriaMetricsStore.Configuration(
            vminsert: "http://vminsert:8480", vmselect: "http://vmselect:8481", tenant: "0")
        _ = try VictoriaMetricsStore(configuration: single)
        _ = try VictoriaMetricsStore(configuration: cluster)
        for line in [
            #"VictoriaMetricsStore(configuration: .init(url: "http://victoria:8428"))"#,
            #".init(vminsert: "http://vminsert:8480", vmselect: "http://vmselect:8481", tenant: "0")"#,
        ] { #expect(shown.contains(line)) }
        let guide = try String(contentsOf: Self.folder.appending(path: "../../../Docs/Stores.md"), encoding: .utf8)
        #expect(guide.contains(cluster.writeURL) && guide.contains(cluster.readURL))
    }
}
