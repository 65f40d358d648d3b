import FaultSupport
import Foundation
import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("Input watch", .timeLimit(.minutes(20)))
struct InputWatchTests {
    @Test("a wait ends with the first byte, again and again, and with the other side's end")
    func bytes() async throws {
        let pipe = try PipeEnds()
        let watch = try InputWatch(pipe.reading)
        var byte: UInt8 = 0
        for _ in 0..<100 {
            async let ready: Void = watch.readable()
            pipe.write("a")
            await ready
            // Unread, it is announced to who asks later too.
            await watch.readable()
            #expect(read(pipe.reading, &byte, 1) == 1)
        }
        async let ready: Void = watch.readable()
        pipe.end()
        await ready
        #expect(read(pipe.reading, &byte, 1) == 0)
    }

    @Test("a wait ends when its task is cancelled, whether before or while it waits")
    func cancellation() async throws {
        let pipe = try PipeEnds()
        let watch = try InputWatch(pipe.reading)
        for round in 0..<200 {
            let waiting = Task { await watch.readable() }
            if round % 2 == 0 { await Task.yield() }
            waiting.cancel()
            await waiting.value
        }
    }

    @Test("what cannot be watched, such as a file, is not waited for")
    func file() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "watched-\(UUID())").path
        let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
        defer {
            close(descriptor)
            unlink(path)
        }
        await (try InputWatch(descriptor)).readable()
    }
}
