import BenchmarkSupport
import Glibc
import TelemetryBase

/// What the load is put on, by the protocol that it speaks.
enum Peer: String, CaseIterable {
    case mq
    /// The loops of ``BareServer``.
    case bare
    case redis
    case nats

    /// A payload of exactly `size` bytes: a metric as a DCGM exporter has it, or an array of them, as JSON.
    static func payload(_ size: Int) -> [UInt8] {
        let metric =
            #"{"name":"DCGM_FI_DEV_GPU_UTIL","gpu":0,"uuid":"GPU-5fd4f087-86f3-7a43-b711-4771313afc50","value":97.5,"time":1752871354000"#
        var text = metric + #","note":""#
        if size > 2 * metric.utf8.count {
            text = "[" + String(repeating: metric + "},", count: (size - 4) / (metric.utf8.count + 2)) + "\""
        }
        let end = text.hasPrefix("[") ? "\"]" : "\"}"
        guard text.utf8.count + 2 <= size else { fail("a payload of \(size) bytes is too small") }
        return Array(text.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: size - text.utf8.count - 2)
            + Array(end.utf8)
    }

    /// What a connection sends before all else.
    func greeting(_ index: Int) -> [UInt8] {
        guard self == .nats else { return [] }
        return Array("CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nSUB ack.\(index) 1\r\n".utf8)
    }

    /// One publish frame with `perFrame` messages.
    func publishFrame(payload: [UInt8], perFrame: Int, connection: Int) -> [UInt8] {
        switch self {
        case .mq, .bare:
            let body = Array(#"{"type":"publish","request_id":1234567,"payload"#.utf8)
            let messages = (0..<perFrame).flatMap { ($0 == 0 ? [] : [UInt8(ascii: ",")]) + payload }
            return framed(
                body + Array((perFrame == 1 ? "\":" : "s\":[").utf8) + messages
                    + Array((perFrame == 1 ? "}" : "]}").utf8))
        case .redis:
            let one =
                Array("*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nd\r\n$\(payload.count)\r\n".utf8) + payload
                + Array("\r\n".utf8)
            return (0..<perFrame).flatMap { _ in one }
        case .nats:
            return Array("PUB bench ack.\(connection) \(payload.count)\r\n".utf8) + payload + Array("\r\n".utf8)
        }
    }

    /// Counts whole answers at the front; returns how many and how many bytes they take.
    func countAnswers(_ bytes: UnsafeRawBufferPointer) -> (answers: Int, used: Int) {
        switch self {
        case .mq, .bare: countFrames(bytes)
        case .redis: countBulkStrings(bytes)
        case .nats: countMessages(bytes, checks: Array("{\"stream\"".utf8))
        }
    }

    private func countFrames(_ bytes: UnsafeRawBufferPointer) -> (Int, Int) {
        var at = 0
        var answers = 0
        while bytes.count - at >= 4 {
            let total = 4 + Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            guard bytes.count - at >= total else { break }
            // `{"type":"response"`: the first letter of the type.
            guard bytes[at + 13] == UInt8(ascii: "r") else { fail("answered \(text(bytes[at + 4..<at + total]))") }
            at += total
            answers += 1
        }
        return (answers, at)
    }

    private func countBulkStrings(_ bytes: UnsafeRawBufferPointer) -> (Int, Int) {
        var at = 0
        var answers = 0
        while let line = endOfLine(bytes, at) {
            guard bytes[at] == UInt8(ascii: "$") else { fail("answered \(text(bytes[at..<line]))") }
            let next = line + (number(bytes, at + 1, line - 2) ?? 0) + 2
            guard next <= bytes.count else { break }
            at = next
            answers += 1
        }
        return (answers, at)
    }

    /// NATS: `MSG subject sid [reply] size`, or `HMSG … header-size total-size`; other lines are passed over.
    func countMessages(_ bytes: UnsafeRawBufferPointer, checks start: [UInt8]) -> (Int, Int) {
        var at = 0
        var answers = 0
        while let line = endOfLine(bytes, at) {
            let isMessage = bytes[at] == UInt8(ascii: "M")
            if isMessage || bytes[at] == UInt8(ascii: "H") {
                var digits = line - 2
                while bytes[digits - 1] != UInt8(ascii: " ") { digits -= 1 }
                let next = line + (number(bytes, digits, line - 2) ?? 0) + 2
                guard next <= bytes.count else { break }
                guard isMessage else { fail("answered \(text(bytes[at..<next]))") }
                if !start.isEmpty, !bytes[line...].starts(with: start) { fail("answered \(text(bytes[line..<next]))") }
                at = next
                answers += 1
            } else {
                if bytes[at] == UInt8(ascii: "-") { fail("answered \(text(bytes[at..<line]))") }
                at = line
            }
        }
        return (answers, at)
    }
}

/// Behind the next line's end.
func endOfLine(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int? {
    guard at < bytes.count, let found = memchr(bytes.baseAddress! + at, 10, bytes.count - at) else { return nil }
    return UnsafeRawPointer(found) - bytes.baseAddress! + 1
}

func number(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ to: Int) -> Int? {
    parseDecimal(UnsafeRawBufferPointer(rebasing: bytes[from..<to])).map { Int($0) }
}

func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String { String(decoding: bytes.prefix(300), as: UTF8.self) }

func framed(_ body: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) } + body
}

extension Arguments {
    var peer: Peer {
        guard let peer = Peer(rawValue: string("peer")) else {
            fail("--peer: \(string("peer")) is not one of \(Peer.allCases)")
        }
        return peer
    }
}
