import Foundation
import Testing

@testable import ExampleSupport

@Suite("Text that is fit for a terminal")
struct PrintableTextTests {
    @Test("every control and format character and separator becomes an escape, and nothing else does")
    func all() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = String(Character(scalar)).printable()
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                guard text.hasPrefix("\\u"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                    Issue.record("U+\(String(value, radix: 16)): \(text)")
                    continue
                }
            default:
                if !text.unicodeScalars.elementsEqual([scalar]) {
                    Issue.record("U+\(String(value, radix: 16)) is changed")
                }
            }
        }
    }

    @Test(
        "a string in quotes reads back as it was",
        arguments: [
            "", "plain", "a\u{9B}31mred", "\u{202E}gpj.exe", "line\u{2028}line\u{2029}", "\u{0}\u{7F}\u{85}\n\t\"\\",
            "é漢🙂", "\u{E0041}\u{1D173}", "\\u009b",
        ])
    func readsBack(text: String) throws {
        let json = text.json
        #expect(!json.unicodeScalars.contains { $0.isUnprintable })
        let back = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? String
        #expect(back?.utf8.elementsEqual(text.utf8) == true)
    }
}
