/// An input that is used up from its beginning. Where it has ended it yields zeros, so that every input is a whole one.
struct FuzzInput {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// Below `bound`, which is at most 256.
    mutating func number(below bound: Int) -> Int { Int(byte()) % bound }

    mutating func oneOf<Choice>(_ choices: [Choice]) -> Choice { choices[number(below: choices.count)] }

    mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        return taken
    }

    mutating func word() -> UInt64 { (0..<8).reduce(0) { word, _ in word << 8 | UInt64(byte()) } }
}

/// A source that hands out at most `size` bytes at a time.
func chunks(_ bytes: [UInt8], of size: Int) -> (UnsafeMutableRawBufferPointer) throws -> Int {
    var at = 0
    return { buffer in
        let count = min(size, buffer.count, bytes.count - at)
        buffer.copyBytes(from: bytes[at..<at + count])
        at += count
        return count
    }
}

/// Bytes for a person to look at.
func quoted(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self).debugDescription }
