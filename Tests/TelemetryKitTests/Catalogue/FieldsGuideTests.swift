import Foundation
import TelemetryKit
import Testing

@Suite("Guide to the fields")
struct FieldsGuideTests {
    static let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Docs/Fields.md")
    static let marker = "<!-- tables -->\n"

    /// `UPDATE_DOCS=1` writes the tables anew before they are compared.
    @Test("the tables in Docs/Fields.md are what the code says")
    func tables() throws {
        let guide = try String(contentsOf: Self.path, encoding: .utf8)
        let parts = guide.components(separatedBy: Self.marker)
        try #require(parts.count == 2)
        let tables = Self.fieldTables() + Self.xidTable()
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try (parts[0] + Self.marker + tables).write(to: Self.path, atomically: true, encoding: .utf8)
        } else {
            let said = parts[1].split(separator: "\n")
            let meant = tables.split(separator: "\n")
            // The first line that differs says more than the whole.
            if let at = zip(said, meant).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset {
                Issue.record(
                    "Docs/Fields.md says \"\(said[at])\", the code \"\(meant[at])\"; UPDATE_DOCS=1 writes the tables anew"
                )
            }
            #expect(said.count == meant.count)
        }
    }

    @Test("what the guide says in words is what the code does")
    func words() throws {
        let guide = try String(contentsOf: Self.path, encoding: .utf8)
        for reason in NoValueReason.allCases { #expect(guide.contains("\n| `\(reason.rawValue)` |")) }
        for severity in XIDError.Severity.allCases { #expect(guide.contains("\n| \(severity.rawValue) | ")) }
        let field = try #require(DCGMCatalogue.field(named: "DCGM_FI_DEV_GPU_TEMP"))
        for shown in [field.name, field.legacyName, field.rangeDescription, XIDError(code: 79).action.rawValue] {
            #expect(guide.contains("// \(shown)\n"))
        }
    }

    static func fieldTables() -> String {
        var text = "\n## All fields\n\n\(DCGMCatalogue.fields.count) fields; c is a counter.\n"
        for kind in DCGMField.Kind.allCases {
            text += "\n### \(kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst())\n\n"
            text += "| number | name | other names | unit | type | valid | meaning |\n|--:|---|---|---|---|---|---|\n"
            for field in DCGMCatalogue.fields where field.kind == kind {
                let names = field.aliases.map { "`\($0)`" }.joined(separator: " ")
                let type = field.valueType.rawValue + (field.metricType == .counter ? ", c" : "")
                text += "| \(field.id.map(String.init) ?? "") | `\(field.name)` | \(names) | \(field.unit) | \(type) "
                text += "| \(field.valueType == .text ? "" : field.rangeDescription) | \(field.meaning) |\n"
            }
        }
        return text
    }

    static func xidTable() -> String {
        var text = "\n## All Xid codes\n\n| code | mnemonic | meaning | severity | action |\n|--:|---|---|---|---|\n"
        for error in XIDError.all {
            text +=
                "| \(error.code) | `\(error.mnemonic)` | \(error.meaning) | \(error.severity.rawValue) | \(error.action.rawValue) |\n"
        }
        return text
    }
}
