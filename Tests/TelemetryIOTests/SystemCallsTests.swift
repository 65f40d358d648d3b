import Glibc
import Testing

@testable import TelemetryIO

@Suite("Calls of the system that a signal may interrupt")
struct SystemCallsTests {
    @Test("an interrupted call is repeated; any other failure is an error that names the call and its subject")
    func repeats() throws {
        var results: [(Int, Int32)] = [(-1, EINTR), (-1, EINTR), (7, 0)]
        #expect(
            try repeatingInterrupted("read", on: "x") {
                let (result, code) = results.removeFirst()
                errno = code
                return result
            } == 7)
        #expect(results.isEmpty)
        var calls = 0
        let error = #expect(throws: SystemError.self) {
            _ = try repeatingInterrupted("read", on: "the file") {
                calls += 1
                errno = EIO
                return -1
            }
        }
        #expect(calls == 1 && error?.code == EIO)
        #expect(error?.description.hasPrefix("read the file: ") == true)
    }

    @Test("more bytes than a pipe holds are written whole, and read to the end")
    func pipe() async throws {
        var ends: [Int32] = [-1, -1]
        #expect(Glibc.pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let writer = try SerialThread(name: "test-writer")
        async let written: Void = writer.perform {
            defer { close(writing) }
            try bytes.withUnsafeBytes { try writeAll($0, to: writing, on: "pipe") }
        }
        let reader = try SerialThread(name: "test-reader")
        let read = try await reader.perform { try readAll(from: reading, on: "pipe") }
        try await written
        close(reading)
        #expect(read == bytes)
        #expect(throws: SystemError.self) {
            try bytes.withUnsafeBytes { try writeAll($0, to: -1, on: "nothing") }
        }
    }
}
