import FaultSupport
import Foundation
import TelemetryIO
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("No number from outside stops the queue or its clients", .timeLimit(.minutes(5)))
struct ExtremeNumberTests {
    static let extremes = [
        "9223372036854775807", "-9223372036854775808", "9223372036854775806", "4611686018427387903",
        "4611686018427387904",
        "18446744073709551615", "18446744073709551616", "4294967296", "2147483648", "-2147483649", "0", "-0", "-1",
        "1.5", "1e400", "-1e400",
    ]

    @Test(
        "of every member of every request, at every extreme: it is answered, and others are served", arguments: extremes
    )
    func requests(number: String) async throws {
        let server = try await startTestServer()
        for request in [
            #"{"type":"hello","request_id":7,"keepalive_ms":N}"#,
            #"{"type":"publish","request_id":7,"producer_id":"p","sequence":N,"payload":N}"#,
            #"{"type":"publish","request_id":7,"producer_id":"q","sequence":N,"payloads":[N,N,N]}"#,
            #"{"request_id":7,"type":"publish","sequence":N,"payload":1}"#,
            #"{"type":"subscribe","request_id":7,"subscriber_id":"a","offset":N}"#,
            #"{"type":"subscribe","request_id":7,"subscriber_id":"a","timestamp":N}"#,
            #"{"type":"ack","request_id":7,"subscriber_id":"a","offset":N}"#,
            #"{"type":"ack","request_id":7,"message_id":N,"offset":N}"#,
            #"{"type":"subscribe","request_id":7,"subscriber_id":"a","offset":"committed"}"#,
            #"{"type":"get_stats","request_id":7,"limit":N}"#,
            #"{"type":"ping","request_id":N}"#,
        ] {
            let peer = try RawPeer(port: server.port)
            try peer.send(request.replacing("N", with: number))
            let answer = try peer.receive()
            #expect(answer.contains("\"type\":\""), "\(request)")
        }
        let other = try RawPeer(port: server.port)
        #expect(try other.ask(#"{"type":"publish","request_id":1,"payload":1}"#).contains(#""success":true"#))
        await server.shutdown()
    }

    @Test(
        "a producer's sequences end below 2^62, also within one publish, and what was stored is there after a restart")
    func sequences() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let last = Int64(1) << 62 - 1
        var server = try await startTestServer(directory)
        var peer = try RawPeer(port: server.port)
        func publish(_ sequence: Int64, _ payloads: String) throws -> String {
            try peer.ask(
                #"{"type":"publish","request_id":1,"producer_id":"p","sequence":\#(sequence),"payloads":\#(payloads)}"#)
        }
        #expect(try publish(last - 1, "[1,2,3]").contains("invalid_frame"))
        #expect(try publish(last - 1, "[1,2]").contains(#""offset":0"#))
        #expect(try publish(last + 1, "[1]").contains("invalid_frame"))
        await server.shutdown()
        server = try await startTestServer(directory)
        peer = try RawPeer(port: server.port)
        #expect(try publish(last - 1, "[1,2]").contains(#""duplicate":true"#))
        await server.shutdown()
    }

    /// A log of a segment and a position, as another program, or an earlier version, may have left it.
    private func log(
        _ directory: TemporaryDirectory, segment name: String = "00000000000000000000.log", _ bodies: [String] = [],
        journal: [String] = []
    ) throws {
        func summed(_ prefix: [UInt8], _ body: String) -> [UInt8] {
            let bytes = prefix + Array(body.utf8)
            let digits = String(bytes.withUnsafeBytes { CRC32C.checksum($0) }, radix: 16)
            return bytes + Array(#","crc32c":"\#(String(repeating: "0", count: 8 - digits.count) + digits)"}"#.utf8)
        }
        let records = bodies.flatMap { body in
            summed(withUnsafeBytes(of: UInt32(body.utf8.count + 21).bigEndian) { Array($0) }, body)
        }
        try Data(records).write(to: directory.file(name))
        if !journal.isEmpty {
            try Data(journal.flatMap { summed([], $0) + [0x0A] }).write(to: directory.file("positions.journal"))
        }
    }

    @Test(
        "a stored position that cannot be is told, and the subscriber goes on from the one before it",
        arguments: extremes)
    func positions(number: String) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try log(directory, journal: [#"{"subscriber_id":"a","offset":\#(number)"#])
        let server = try await startTestServer(directory)
        let answer = try RawPeer(port: server.port).ask(
            #"{"type":"subscribe","request_id":1,"subscriber_id":"a","offset":"committed"}"#)
        #expect(
            answer.contains(#""success":true"#) && answer.contains(#""offset":0"#) && !answer.contains("skipped"),
            "\(answer)")
        await server.shutdown()
        _ = try LogInspection(directory: directory.path)
    }

    @Test(
        "a record with a number that cannot be is damage and not a crash, for the server and for verify",
        arguments: extremes)
    func records(number: String) async throws {
        for body in [
            #"{"type":"message","message_id":"0","offset":0,"timestamp":1,"producer_id":"p","sequence":N,"payload":1"#,
            #"{"type":"message","message_id":"0","offset":0,"timestamp":N,"payload":1"#,
            #"{"type":"message","message_id":"N","offset":N,"timestamp":1,"payload":1"#,
        ] {
            let directory = TemporaryDirectory()
            defer { directory.remove() }
            try log(directory, [body.replacing("N", with: number)])
            let inspection = try LogInspection(directory: directory.path)
            #expect(inspection.segments.count == 1)
            do {
                let server = try await startTestServer(directory)
                let answer = try RawPeer(port: server.port).ask(#"{"type":"publish","request_id":1,"payload":1}"#)
                #expect(answer.contains(#""success":true"#))
                await server.shutdown()
            } catch {
                #expect("\(error)".contains(".log"))
            }
        }
    }

    @Test("an index or a snapshot of producers that cannot be is none, however right its checksum", arguments: extremes)
    func derivedFiles(number: String) {
        func summed(_ body: String) -> [UInt8] {
            let digits = String(Array(body.utf8).withUnsafeBytes { CRC32C.checksum($0) }, radix: 16)
            return Array(#"\#(body),"crc32c":"\#(String(repeating: "0", count: 8 - digits.count) + digits)"}"#.utf8)
        }
        let index =
            #"{"format":"index/1","base_offset":3,"next_offset":6,"bytes":600,"first_timestamp":1,"last_timestamp":2,"marks":[[3,0,1],[4,99,1]]"#
        let producers = #"{"format":"producers/1","end_offset":9,"producers":[{"id":"p","runs":[[5,0,4],[9,7,2]]}]"#
        #expect(IndexFile(json: summed(index)) != nil && ProducerFile.parse(summed(producers)) != nil)
        for member in [
            #""base_offset":3"#, #""next_offset":6"#, #""bytes":600"#, #""first_timestamp":1"#, "[[3,", "[[3,0,", "[4,",
            "[4,99",
        ] {
            let at = member.lastIndex { !$0.isNumber && $0 != "," }!
            let changed = index.replacing(
                member,
                with: member.hasSuffix(",")
                    ? member.dropLast().prefix(through: member.dropLast().lastIndex { !$0.isNumber }!) + number + ","
                    : member.prefix(through: at) + number)
            guard let read = IndexFile(json: summed(changed)) else { continue }
            #expect(
                read.baseOffset >= 0 && read.baseOffset <= read.nextOffset && read.nextOffset <= 1 << 62
                    && read.byteCount >= 0, "\(changed)")
            #expect(
                read.marks.allSatisfy {
                    $0.offset >= read.baseOffset && $0.offset < read.nextOffset && $0.position >= 0
                        && $0.position < read.byteCount
                }, "\(changed)")
        }
        for run in ["[N,0,4]", "[5,N,4]", "[5,0,N]"] {
            let changed = producers.replacing("[5,0,4]", with: run.replacing("N", with: number))
            guard let (table, end) = ProducerFile.parse(summed(changed)) else { continue }
            #expect(
                end == 9 && table.byLastOffset.allSatisfy { $0.lastSequence >= 0 && $0.lastSequence < 1 << 62 },
                "\(changed)")
        }
    }

    @Test(
        "a segment's name beyond any offset is told by the server and by verify, and is not opened",
        arguments: ["09223372036854775807.log", "04611686018427387904.log"])
    func names(name: String) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try log(directory, segment: name)
        let error = await #expect(throws: MQServerError.self) { try await startTestServer(directory) }
        #expect(error?.description.contains(name) == true)
        #expect(try LogInspection(directory: directory.path).problems.contains { $0.contains(name) })
    }

    @Test(
        "files of any length are refused, and their length is not asked for as memory",
        arguments: ["positions.journal", "producers.snapshot", "00000000000000000000.index"])
    func lengths(name: String) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try log(directory)
        try Data().write(to: directory.file(name))
        // Holes take no room: a tebibyte that is none.
        try #require(truncate(directory.file(name).path, 1 << 40) == 0)
        do {
            let server = try await startTestServer(directory)
            await server.shutdown()
            #expect(name != "positions.journal")
        } catch {
            #expect(name == "positions.journal" && "\(error)".contains(name))
        }
    }

    @Test("what looks like the beginnings of many long records is searched only so often, and is damage")
    func manyBeginnings() throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        // Each claims to reach to the end: reading them all would read the file as many times as it has beginnings.
        var bytes: [UInt8] = [0, 0, 0, 9]
        let count = 200_000
        let beginning = Array(#"{"type":"message","message_id":""#.utf8)
        for i in 0..<count {
            let rest = UInt32((count - i) * (beginning.count + 4) - 4)
            bytes += withUnsafeBytes(of: rest.bigEndian) { Array($0) } + beginning
        }
        try Data(bytes).write(to: directory.file("00000000000000000000.log"))
        let file = CountingFile(path: directory.file("00000000000000000000.log").path)
        let error = #expect(throws: LogError.self) {
            _ = try SegmentRecovery.scan(Segment(baseOffset: 0, file: file)) { _ in }
        }
        #expect(error.map { "\($0)" }?.contains("too many records to search") == true)
        #expect(file.bytesRead < 70 * Int64(bytes.count) + (2 << 30))
    }

    @Test(
        "of a server's frames, at every extreme: a call ends with an error that names the server, or with offsets that can be",
        arguments: extremes)
    func serverFrames(number: String) async throws {
        for frame in [
            #"{"type":"message","offset":N,"timestamp":N,"payload":1}"#,
            #"{"type":"response","success":true,"request_id":1,"offset":N,"skipped":N}"#,
            #"{"type":"error","error":"x","code":"offset_out_of_range","oldest_offset":N}"#,
            #"{"type":"response","success":true,"request_id":1,"offsets":[N,N]}"#,
            #"{"type":"response","success":true,"request_id":N,"max_frame_bytes":N}"#,
        ] {
            let text = frame.replacing("N", with: number)
            let parsed = Result { try RawPeer.frame(text).withUnsafeBytes { try ServerFrame.parse($0) } }
            switch parsed {
            case .success(.message(let offset, _, _)):
                var point = ResumePoint(start: .earliest)
                #expect(point.receive(offset) == .deliver && offset >= 0)
            case .success(.response(let answer)):
                let numbers =
                    [answer.offset, answer.skipped, answer.maxFrameBytes].compactMap { $0 } + (answer.offsets ?? [])
                #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 << 62 })
            case .success(.error(let refusal)): #expect(refusal.oldestOffset.map { $0 >= 0 && $0 < 1 << 62 } ?? true)
            case .success, .failure: break
            }
        }
        let newest = MQClient.newestPosition(in: Array(#"{"latest_offset":\#(number)}"#.utf8))?.offset
        #expect(newest.map { $0 >= -1 && $0 < 1 << 62 } ?? true)
    }

    @Test(
        "a frame's limit that no record could keep is refused where the server starts",
        arguments: [Int.max, 1 << 30 + 1, 0, -1, Int.min])
    func frameLimits(bytes: Int) async throws {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.maxFrameBytes = bytes
        await #expect(throws: MQServerError.self) { try await MQServer(configuration: configuration) }
    }
}

/// Counts what is read of a file.
private final class CountingFile: LogFile, @unchecked Sendable {
    let path: String
    let descriptor: Int32
    private(set) var bytesRead: Int64 = 0
    private let file: DescriptorFile

    init(path: String) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        file = DescriptorFile(path: path, descriptor: descriptor)
    }

    func size() throws(SystemError) -> Int64 { try file.size() }
    func write(_ parts: UnsafeMutableBufferPointer<iovec>, at position: Int64) throws(SystemError) {
        try file.write(parts, at: position)
    }
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SystemError) -> Int {
        let count = try file.read(into: buffer, at: position)
        bytesRead += Int64(count)
        return count
    }
    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func synchronize() throws(SystemError) { try file.synchronize() }
}
