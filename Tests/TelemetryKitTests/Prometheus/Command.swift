import Foundation

/// A program that is run to its end with a text as its input.
enum Command {
    /// The python3 that `make setup-tests` has seen to: its own, or the machine's.
    static let python: String = {
        let own = SampleTests.package.appending(path: ".run/python/bin/python3").path
        return FileManager.default.isExecutableFile(atPath: own) ? own : "python3"
    }()

    /// Standard output and standard error come as one.
    static func run(_ words: [String], input: [UInt8]) throws -> (status: Int32, output: Data) {
        let file = FileManager.default.temporaryDirectory.appending(path: "input-\(UUID())")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, data)
    }

    /// The same where the program asks a server of this process: the pool's threads, which that may need, are not kept waiting.
    static func runAside(_ words: [String]) async throws -> (status: Int32, output: Data) {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try run(words, input: []) }) }
        }
    }
}
