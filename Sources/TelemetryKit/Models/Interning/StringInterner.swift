/// Strings by their bytes, so that repeated texts, such as names of hosts and labels, are created and validated once
/// and share their memory.
package struct StringInterner {
    private var places = ByteKeyTable(slots: 64)
    private var strings: [String] = []

    package init() {}

    /// `nil` if the bytes are not valid UTF-8.
    package mutating func string(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard !bytes.isEmpty else { return "" }
        let hash = StableHash.hash(bytes, seed: 0)
        if let place = places.find(hash, 1, { _ in bytes }) { return strings[Int(place)] }
        guard let string = String(validating: bytes, as: UTF8.self) else { return nil }
        places.add(hash, 1, { _ in bytes }, number: UInt32(strings.count))
        strings.append(string)
        return string
    }
}
