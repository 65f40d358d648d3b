/// The grammar of the extensions that may follow a chunk's size (RFC 9112 section 7.1.1): `*( BWS ";" BWS name [ BWS
/// "=" BWS value ] )`; a value is a token or a quoted string. Extensions are ignored, but two parsers that disagree
/// about where an extension ends disagree about where the body ends.
func isChunkExtension(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    func skipBlanks() { while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 } }
    func skip(_ character: Unicode.Scalar) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }
    func skipToken() -> Bool {
        let start = at
        while at < bytes.count, isTokenByte(bytes[at]) { at += 1 }
        return at > start
    }
    while at < bytes.count {
        skipBlanks()
        guard skip(";") else { return false }
        skipBlanks()
        guard skipToken() else { return false }
        let end = at
        skipBlanks()
        guard skip("=") else {
            // Blanks belong to the next extension, or are an error at the end.
            at = end
            continue
        }
        skipBlanks()
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            guard let closed = endOfQuotedString(bytes, at) else { return false }
            at = closed
        } else if !skipToken() {
            return false
        }
    }
    return true
}

/// The index after the closing quote of the quoted string at `start` (RFC 9110 section 5.6.4); `nil` if it is not one.
private func endOfQuotedString(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
    var at = start + 1
    while at < bytes.count {
        var byte = bytes[at]
        if byte == UInt8(ascii: "\"") { return at + 1 }
        if byte == UInt8(ascii: "\\") {
            at += 1
            guard at < bytes.count else { return nil }
            byte = bytes[at]
        }
        guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { return nil }
        at += 1
    }
    return nil
}
