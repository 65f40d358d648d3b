import Glibc
import TelemetryBase
import TelemetryMQ
import TelemetryMQProtocol

/// A log of which one file has any bytes: the server says why it does not start, or serves what can be read, takes messages, and starts
/// again with all of them.
enum LogFileTarget {
    enum File: String {
        case journal, index, producers, segment

        /// Of the second segment, where there is one for each.
        fileprivate func name(in names: [String]) -> String {
            switch self {
            case .journal: "positions.journal"
            case .producers: "producers.snapshot"
            case .index: names.filter { $0.hasSuffix(".index") }.sorted()[1]
            case .segment: names.filter { $0.hasSuffix(".log") }.sorted()[1]
            }
        }
    }

    static func failure(_ input: [UInt8], _ file: File) -> String? { CallingThread.run { await check(input, file) } }

    private static func check(_ input: [UInt8], _ file: File) async -> String? {
        let directory = MemoryLogDirectory()
        do {
            try await fill(directory)
            let name = file.name(in: try directory.fileNames())
            try directory.put(content(input, of: file, whole: try directory.bytes(of: name)), as: name)
        } catch {
            return "the log cannot be made: \(error)"
        }
        do {
            _ = try await FramesTarget.serve(configuration, directory) { read(port: $0) ?? publish(port: $0) }
        } catch {
            // It must say where.
            return "\(error)".contains("memory") ? nil : "the refusal names no file: \(error)"
        }
        do {
            let (failure, next) = try await FramesTarget.serve(configuration, directory) { read(port: $0) }
            return failure ?? (next < 1 ? "what was published is not there after a restart" : nil)
        } catch {
            return "it started once and does not again: \(error)"
        }
    }

    private static var configuration: MQServer.Configuration {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.segmentBytes = 512
        return configuration
    }

    /// Four segments of messages of two producers, sealed but for the last, and positions of two subscribers.
    private static func fill(_ directory: MemoryLogDirectory) async throws {
        _ = try await FramesTarget.serve(configuration, directory) { port in
            let peer = FramePeer(port: port)
            for i in 0..<12 {
                peer?.send(
                    #"{"type":"publish","request_id":\#(i),"producer_id":"p\#(i % 2)","sequence":\#(i + 1),"payload":{"n":\#(i)}}"#
                )
                _ = peer?.answer(i)
            }
            peer?.send(#"{"type":"ack","request_id":98,"subscriber_id":"a","offset":3}"#)
            peer?.send(#"{"type":"ack","request_id":99,"subscriber_id":"b","offset":7}"#)
            return peer?.answer(99) == nil ? "no positions" : nil
        }
        // The last files are written behind the end of the server.
        while try directory.fileNames().count(where: { $0.hasSuffix(".index") || $0 == "producers.snapshot" }) < 4 {
            usleep(1000)
        }
    }

    /// The first byte: 0, as it is; 1, a right checksum is put behind the JSON; 2, behind each line; 3, each line is a record's JSON
    /// before its checksum; 4 and more, the file as the server wrote it with bytes changed.
    private static func content(_ input: [UInt8], of file: File, whole: [UInt8]) -> [UInt8] {
        let rest = Array(input.dropFirst())
        switch (input.first ?? 0) % 5 {
        case 0: return rest
        case 1: return summed(rest)
        case 2: return rest.split(separator: UInt8(ascii: "\n")).flatMap { summed(Array($0)) + [UInt8(ascii: "\n")] }
        case 3: return rest.split(separator: UInt8(ascii: "\n")).flatMap { line in record(Array(line)) }
        default:
            var changed = whole
            var at = 0
            for (index, byte) in rest.enumerated() where !changed.isEmpty {
                if index % 2 == 0 { at = (at + Int(byte)) % changed.count } else { changed[at] = byte }
            }
            return changed
        }
    }

    private static func summed(_ body: [UInt8], after prefix: [UInt8] = []) -> [UInt8] {
        let digits = String((prefix + body).withUnsafeBytes { CRC32C.checksum($0) }, radix: 16)
        return body + Array(#","crc32c":""#.utf8)
            + Array((String(repeating: "0", count: 8 - digits.count) + digits + "\"}").utf8)
    }

    private static func record(_ body: [UInt8]) -> [UInt8] {
        let length = Array(FramePeer.frame([UInt8](repeating: 0, count: body.count + 21))[..<4])
        return length + summed(body, after: length)
    }

    /// Subscribes at every kind of place, and reads a little.
    private static func read(port: Int) -> String? {
        for start in [
            #""offset":"committed""#, #""offset":-2"#, #""offset":5"#, #""offset":9223372036854775807"#,
            #""timestamp":0"#, #""timestamp":9223372036854775807"#,
        ] {
            for id in ["a", "b"] {
                guard let peer = FramePeer(port: port) else { return "nobody listens" }
                peer.send(#"{"type":"subscribe","request_id":1,"subscriber_id":"\#(id)",\#(start)}"#)
                guard let answer = peer.answer(1) else { return "no answer to a subscribe with \(start)" }
                if let offset = member("offset", of: answer), offset < 0 {
                    return "a subscribe with \(start) begins at \(offset)"
                }
            }
        }
        return nil
    }

    private static func publish(port: Int) -> String? {
        let peer = FramePeer(port: port)
        for sequence in [1, 13, 1 << 40] {
            peer?.send(#"{"type":"publish","request_id":1,"producer_id":"p0","sequence":\#(sequence),"payload":1}"#)
            guard let answer = peer?.answer(1) else { return "no answer to a publish" }
            if answer.contains(#""success":true"#) != (member("offset", of: answer) != nil) {
                return "a strange answer to a publish: \(answer)"
            }
        }
        return nil
    }
}
