import TelemetryBase
import TelemetryMQLog
import TelemetryMQProtocol

/// Writes the server's frames into a connection's output.
extension ByteQueue {
    /// `{"type":"response","success":true,…}` with the members that `members` writes.
    mutating func appendResponse(
        requestID: UnsafeRawBufferPointer?, members: (inout JSONWriter<ByteQueue>) -> Void = { _ in }
    ) {
        appendFrame {
            $0.member("type", "response")
            $0.member("success", true)
            $0.appendRequestID(requestID)
            members(&$0)
        }
    }

    /// The response to a publish: `{"type":"response","success":true,"log_id":…,"request_id":…,"offset":…}`, and before
    /// its end what `members` appends, unless the response is finished without.
    ///
    /// There is one for every message, so it is bytes that are put together in one piece of memory that is large enough,
    /// not a `JSONWriter`; as are the members that it may have after these.
    @inline(__always)
    mutating func appendPublished(
        _ head: borrowing PublishedHead, requestID: UnsafeRawBufferPointer?, offset: Int64, isFinished: Bool,
        members: (inout ByteQueue) -> Void
    ) {
        let start = count
        let idName: StaticString = #","request_id":"#
        let offsetName: StaticString = #","offset":"#
        let out = room(192 + (requestID?.count ?? 0)).baseAddress!
        head.copy(to: out)
        var used = PublishedHead.byteCount
        if let requestID {
            (out + used).copyMemory(from: idName.utf8Start, byteCount: idName.utf8CodeUnitCount)
            used += idName.utf8CodeUnitCount
            (out + used).copyMemory(from: requestID.baseAddress!, byteCount: requestID.count)
            used += requestID.count
        }
        (out + used).copyMemory(from: offsetName.utf8Start, byteCount: offsetName.utf8CodeUnitCount)
        used += offsetName.utf8CodeUnitCount
        used += writeDecimal(UInt64(offset), to: out + used)
        if isFinished {
            out.storeBytes(of: UInt8(ascii: "}"), toByteOffset: used, as: UInt8.self)
            out.storeBytes(of: UInt32(used - 3).bigEndian, as: UInt32.self)
            return commit(used + 1)
        }
        commit(used)
        members(&self)
        append("}")
        endFrame(start)
    }

    /// `{"type":"error","error":"…","code":"…",…}`
    mutating func appendError(
        _ code: ErrorCode, _ message: String, requestID: UnsafeRawBufferPointer? = nil,
        members: (inout JSONWriter<ByteQueue>) -> Void = { _ in }
    ) {
        appendFrame {
            $0.member("type", "error")
            $0.member("error", message)
            $0.member("code", code.rawValue)
            $0.appendRequestID(requestID)
            members(&$0)
        }
    }

    mutating func appendPing() { appendFrame { $0.member("type", "ping") } }

    mutating func appendPong(requestID: UnsafeRawBufferPointer?) {
        appendFrame {
            $0.member("type", "pong")
            $0.appendRequestID(requestID)
        }
    }

    /// A frame of one JSON object.
    private mutating func appendFrame(_ members: (inout JSONWriter<ByteQueue>) -> Void) {
        let start = beginFrame()
        appendJSON { json in json.object(members) }
        endFrame(start)
    }

    private mutating func beginFrame() -> Int {
        let start = count
        _ = room(4)
        commit(4)
        return start
    }

    private mutating func endFrame(_ start: Int) {
        setUInt32(UInt32(count - start - 4), at: start)
    }
}

extension JSONWriter where Sink == ByteQueue {
    /// Which log this is, and which epoch of it: `log_id`, `log_epoch`.
    mutating func append(_ identity: LogIdentity) {
        member("log_id", plainText: identity.id)
        member("log_epoch", plainText: identity.epoch)
    }

    fileprivate mutating func appendRequestID(_ id: UnsafeRawBufferPointer?) {
        if let id { member("request_id", json: id) }
    }
}

/// The beginning of every response to a publish, up to and including `log_id`, with room for the frame's length.
///
/// Its size is known when this is compiled, so copying it takes a few wide moves and no call.
struct PublishedHead: ~Copyable {
    private static let opening: StaticString = #"....{"type":"response","success":true,"log_id":""#
    static let byteCount = 48 + LogIdentity.idBytes + 1
    /// The bytes, and the rest of the last move.
    private static let movedBytes = 96

    private let bytes = UnsafeMutableRawPointer.allocate(byteCount: movedBytes, alignment: 32)

    init(logID: [UInt8]) {
        precondition(logID.count == LogIdentity.idBytes && Self.opening.utf8CodeUnitCount == 48)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: Self.movedBytes)
        bytes.copyMemory(from: Self.opening.utf8Start, byteCount: 48)
        logID.withUnsafeBytes { (bytes + 48).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        bytes.storeBytes(of: UInt8(ascii: "\""), toByteOffset: Self.byteCount - 1, as: UInt8.self)
    }

    deinit { bytes.deallocate() }

    /// `out` must have room for 96 bytes: those after ``byteCount`` are to be overwritten.
    @inline(__always)
    borrowing func copy(to out: UnsafeMutableRawPointer) {
        out.copyMemory(from: bytes, byteCount: Self.movedBytes)
    }
}
