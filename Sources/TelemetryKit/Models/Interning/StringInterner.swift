/// Strings by their bytes, so that texts which come again, as names of hosts and of labels do, are made and checked once and share their
/// memory.
package struct StringInterner {
    private var places = ByteKeyTable(slots: 64)
    private var strings: [String] = []

    package init() {}

    /// `nil`: the bytes are not UTF-8.
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
