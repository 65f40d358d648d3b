import FaultSupport
import Foundation
import Testing

@testable import ExampleSupport

@Suite("Console")
struct ConsoleTests {
    @Test("on a terminal the progress line is renewed, cut to the width, and stands below log lines")
    func terminal() throws {
        let terminal = try PseudoTerminal(columns: 10)
        let console = Console(descriptor: terminal.descriptor)
        #expect(console.isTerminal)
        console.show(progress: "12345678901234")
        console.show(progress: "short")
        console.write(line: Array("log\n".utf8))
        console.endProgress()
        console.write(line: Array("end\n".utf8))
        // The terminal itself makes two characters of a line feed.
        let erase = "\r\u{1B}[K"
        #expect(terminal.text == "\(erase)1234567890\(erase)short\(erase)log\r\nshort\r\nend\r\n")
    }

    @Test("elsewhere lines are written and progress is not")
    func file() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "console-\(UUID())").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            close(descriptor)
            unlink(path)
        }
        let console = Console(descriptor: descriptor)
        #expect(!console.isTerminal)
        console.show(progress: "10 %")
        console.write(line: Array("log\n".utf8))
        console.endProgress()
        // An error text of several lines keeps them, and nothing that acts on a terminal.
        console.write(line: Array("a\u{9B}2J\u{1B}[2J\tb\nc\u{202E}\n".utf8) + [0x9B, 0x0A])
        #expect(
            try String(contentsOfFile: path, encoding: .utf8) == "log\na\\u009b2J\\u001b[2J\tb\nc\\u202e\n\u{FFFD}\n")
    }
}
