import Foundation
import TelemetryKit
import Testing

/// A directory with files of a test's own; gone with the value.
final class InputDirectory {
    let path: String

    init(_ files: [String: String] = [:]) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "input-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try write(text, to: name) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
        let file = URL(filePath: path).appending(path: name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        // Written whole or not at all, as who feeds a directory that is read should do.
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }

    /// What a text behind the directory's path means, without that path.
    func files(_ text: String) throws(CSVError) -> [String] {
        try CSVInput(path + text).files().map { String($0.dropFirst(path.count)) }
    }
}

@Suite("CSV input")
struct CSVInputTests {
    @Test("a directory means its *.csv in the order of their names, without hidden ones, other files and directories")
    func directory() throws {
        let directory = try InputDirectory([
            "b.csv": "", "a.csv": "", "B.csv": "", "é.csv": "", ".hidden.csv": "", "a.csv.part": "",
            "sub.csv/c.csv": "",
        ])
        #expect(try directory.files("") == ["/B.csv", "/a.csv", "/b.csv", "/é.csv"])
        #expect(try directory.files("/") == ["/B.csv", "/a.csv", "/b.csv", "/é.csv"])
    }

    @Test(
        "a pattern means the files that match it, in any part of the path",
        arguments: [
            ("/*.csv", ["/a-1.csv", "/a-2.csv", "/b.csv"]), ("/a-?.csv", ["/a-1.csv", "/a-2.csv"]),
            ("/a-[2-9].csv", ["/a-2.csv"]),
            ("/n*/x.csv", ["/n1/x.csv", "/n2/x.csv"]), ("/*/*", ["/n1/x.csv", "/n1/y.txt", "/n2/x.csv"]),
            ("/*", ["/a-1.csv", "/a-2.csv", "/b.csv"]),
        ])
    func pattern(text: String, expected: [String]) throws {
        let directory = try InputDirectory([
            "b.csv": "", "a-2.csv": "", "a-1.csv": "", "n2/x.csv": "", "n1/x.csv": "", "n1/y.txt": "",
        ])
        #expect(try directory.files(text) == expected)
    }

    @Test("a name that exists is that file or directory, whatever it looks like")
    func literal() throws {
        let directory = try InputDirectory(["[1].csv": "", "1.csv": "", "2[*]/x.csv": ""])
        #expect(try directory.files("/[1].csv") == ["/[1].csv"])
        #expect(try directory.files("/2[*]") == ["/2[*]/x.csv"])
    }

    @Test("where there is nothing to read, the text is named with the reason")
    func nothing() throws {
        let directory = try InputDirectory(["sub/a.txt": ""])
        for (text, reason) in [
            ("/*.csv", "no file matches"), ("/sub", "no *.csv in the directory"), ("/s*", "no file matches"),
        ] {
            let error = #expect(throws: CSVError.self) { try directory.files(text) }
            #expect(error?.kind == .noInput)
            #expect(error?.description == "\(directory.path)\(text): \(reason)")
        }
    }

    @Test("- is standard input, which is a stream as a named pipe is; a file is none")
    func streams() throws {
        let directory = try InputDirectory(["a.csv": ""])
        #expect(mkfifo(directory.path + "/pipe", 0o600) == 0)
        #expect(
            CSVInput("-") == .standardInput && CSVInput("-").isStream && CSVInput("-").description == "standard input")
        #expect(CSVInput(directory.path + "/pipe").isStream)
        for text in ["/a.csv", "", "/*", "/none"] { #expect(!CSVInput(directory.path + text).isStream) }
    }
}
