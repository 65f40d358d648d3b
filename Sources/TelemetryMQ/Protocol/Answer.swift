import TelemetryNet

/// Writes the server's frames into a connection's output.
extension ByteQueue {
    /// `{"type":"response","success":true,…}` with the members that `members` appends, each with a comma before it.
    mutating func appendResponse(requestID: UnsafeRawBufferPointer?, members: (inout ByteQueue) -> Void = { _ in }) {
        let start = beginFrame()
        append(#"{"type":"response","success":true"#)
        appendRequestID(requestID)
        members(&self)
        append("}")
        endFrame(start)
    }

    /// `{"type":"error","error":"…","code":"…",…}`
    mutating func appendError(
        _ code: ErrorCode, _ message: String, requestID: UnsafeRawBufferPointer? = nil, members: (inout ByteQueue) -> Void = { _ in }
    ) {
        let start = beginFrame()
        var text = ByteWriter()
        text.append(#"{"type":"error","error":"#)
        text.appendJSONString(message)
        text.append(#","code":""#)
        text.append(code.rawValue)
        text.append("\"")
        append(text.bytes)
        appendRequestID(requestID)
        members(&self)
        append("}")
        endFrame(start)
    }

    mutating func appendPing() { appendBare(#"{"type":"ping"}"#) }

    mutating func appendPong(requestID: UnsafeRawBufferPointer?) {
        let start = beginFrame()
        append(#"{"type":"pong""#)
        appendRequestID(requestID)
        append("}")
        endFrame(start)
    }

    mutating func appendMember(_ name: StaticString, _ value: Int64) {
        append(",\"")
        append(name)
        append("\":")
        if value < 0 { append("-") }
        appendDecimal(value.magnitude)
    }

    private mutating func appendBare(_ body: StaticString) {
        let start = beginFrame()
        append(body)
        endFrame(start)
    }

    private mutating func appendRequestID(_ id: UnsafeRawBufferPointer?) {
        guard let id else { return }
        append(#","request_id":"#)
        append(id)
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
