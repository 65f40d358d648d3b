/// Returns the text, truncated after about `limit` bytes and ended with `…` if it is longer, so that an error that
/// echoes input is not as large as the input.
package func abbreviated(_ text: some StringProtocol, to limit: Int = 120) -> String {
    // Bytes rather than characters: a character may have any number of combining marks.
    var bytes = Array(text.utf8.prefix(limit + 1))
    guard bytes.count > limit else { return String(text) }
    bytes.removeLast()
    // Not within a scalar.
    while let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
    if let last = bytes.last, last >= 0xC0 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self) + "…"
}
