import TelemetryBase
import TelemetryMQProtocol

/// The members of a publish frame other than its payloads; slices point into the frame's bytes.
struct PublishFrame: BitwiseCopyable {
    /// A JSON string or integer, unchanged.
    var requestID: UnsafeRawBufferPointer?
    /// A JSON string with its quotes.
    var producerID: UnsafeRawBufferPointer?
    var sequence: Int64?
    /// `nil` if the frame has `payloads`, which are returned separately.
    var payload: UnsafeRawBufferPointer?

    var isMany: Bool { payload == nil }
}

extension PublishFrame {
    init(_ request: Request, _ payloads: [UnsafeRawBufferPointer]) {
        self.init(
            requestID: request.requestID, producerID: request.producerID, sequence: request.sequence,
            payload: request.hasPayloads ? nil : payloads[0])
    }

    /// Parses a publish frame in the form that clients write: `type` first, no white space between members, each known
    /// and present once, no escapes in ids. Returns `nil` for any other frame, including invalid ones:
    /// ``RequestParser`` parses those, and returns the same result for these, in three times the time.
    ///
    /// `payloads`: receives the payloads of a frame with several.
    init?(quickly frame: UnsafeRawBufferPointer, payloads: inout [UnsafeRawBufferPointer]) {
        var at = Self.opening.utf8CodeUnitCount
        guard Self.matches(frame, 0, Self.opening) else { return nil }
        self.init()
        var isMany = false
        while true {
            guard at + 12 <= frame.count else { return nil }
            // The first eight bytes distinguish the members.
            switch Self.word(frame, at) {
            case Self.word("\"payload"):
                guard payload == nil, !isMany else { return nil }
                if frame[at + 8] == UInt8(ascii: "\""), frame[at + 9] == UInt8(ascii: ":") {
                    guard let end = Self.scanValue(frame, at + 10) else { return nil }
                    payload = UnsafeRawBufferPointer(rebasing: frame[at + 10..<end])
                    at = end
                } else {
                    payloads.removeAll(keepingCapacity: true)
                    guard Self.matches(frame, at + 8, "s\":["), let end = Self.scanElements(frame, at + 12, &payloads)
                    else { return nil }
                    isMany = true
                    at = end
                }
            case Self.word("\"request"):
                guard requestID == nil, Self.matches(frame, at + 8, "_id\":"),
                    let end = Self.endOfID(frame, at + 13, acceptsInteger: true)
                else { return nil }
                requestID = UnsafeRawBufferPointer(rebasing: frame[at + 13..<end])
                guard requestID!.count <= RequestParser.maxRequestIDBytes else { return nil }
                at = end
            case Self.word("\"produce"):
                guard producerID == nil, Self.matches(frame, at + 8, "r_id\":"),
                    let end = Self.endOfID(frame, at + 14, acceptsInteger: false)
                else { return nil }
                producerID = UnsafeRawBufferPointer(rebasing: frame[at + 14..<end])
                guard 3...RequestParser.maxIDBytes + 2 ~= producerID!.count else { return nil }
                at = end
            case Self.word("\"sequenc"):
                guard sequence == nil, Self.matches(frame, at + 8, "e\":"),
                    let end = Self.endOfID(frame, at + 11, acceptsInteger: true),
                    // Up to 18 digits cannot overflow; longer numbers are left to the other parser.
                    1...18 ~= end - at - 11,
                    let value = parseDecimal(UnsafeRawBufferPointer(rebasing: frame[at + 11..<end]))
                else { return nil }
                sequence = Int64(value)
                at = end
            default: return nil
            }
            guard at < frame.count else { return nil }
            if frame[at] == UInt8(ascii: "}") { break }
            guard frame[at] == UInt8(ascii: ",") else { return nil }
            at += 1
        }
        guard at + 1 == frame.count, payload != nil || isMany else { return nil }
    }

    private static let opening: StaticString = #"{"type":"publish","#

    @inline(__always)
    private static func word(_ text: StaticString) -> UInt64 {
        UnsafeRawPointer(text.utf8Start).loadUnaligned(as: UInt64.self)
    }

    @inline(__always)
    private static func word(_ frame: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
        frame.baseAddress!.loadUnaligned(fromByteOffset: at, as: UInt64.self)
    }

    @inline(__always)
    private static func matches(_ frame: UnsafeRawBufferPointer, _ at: Int, _ text: StaticString) -> Bool {
        guard at + text.utf8CodeUnitCount <= frame.count else { return false }
        let given = frame.baseAddress! + at
        let wanted = UnsafeRawPointer(text.utf8Start)
        var i = 0
        while i + 8 <= text.utf8CodeUnitCount {
            guard
                given.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                    == wanted.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            else { return false }
            i += 8
        }
        while i < text.utf8CodeUnitCount {
            guard given.load(fromByteOffset: i, as: UInt8.self) == wanted.load(fromByteOffset: i, as: UInt8.self) else {
                return false
            }
            i += 1
        }
        return true
    }

    @inline(__always)
    private static func scanValue(_ frame: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        var scanner = JSONScanner(frame)
        scanner.position = start
        // One level is the frame's own object.
        return scanner.scanValueQuickly(depth: 127) ? scanner.position : nil
    }

    /// Parses the elements of a non-empty list, up to and including its bracket.
    private static func scanElements(
        _ frame: UnsafeRawBufferPointer, _ start: Int, _ payloads: inout [UnsafeRawBufferPointer]
    ) -> Int? {
        var scanner = JSONScanner(frame)
        scanner.position = start
        while true {
            let first = scanner.position
            guard scanner.scanValueQuickly(depth: 126), scanner.position < frame.count else { return nil }
            guard payloads.count < RequestParser.maxPayloads else { return nil }
            payloads.append(UnsafeRawBufferPointer(rebasing: frame[first..<scanner.position]))
            scanner.position += 1
            let byte = frame[scanner.position - 1]
            if byte == UInt8(ascii: "]") { return scanner.position }
            guard byte == UInt8(ascii: ",") else { return nil }
        }
    }

    /// The end of a string of plain ASCII, or of an integer without a sign.
    @inline(__always)
    private static func endOfID(_ frame: UnsafeRawBufferPointer, _ start: Int, acceptsInteger: Bool) -> Int? {
        guard start < frame.count else { return nil }
        var scanner = JSONScanner(frame)
        scanner.position = start
        if frame[start] == UInt8(ascii: "\"") { return scanner.scanPlainString() ? scanner.position : nil }
        return acceptsInteger && scanner.scanPlainInteger() ? scanner.position : nil
    }
}
