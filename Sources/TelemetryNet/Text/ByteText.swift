import Glibc

/// A text that is equal to another where their bytes are, and before it in the order of their bytes.
///
/// `String` is also equal to what is canonically equivalent, as é in one scalar is to e with an accent behind it.
/// Whatever keeps one of equal texts in place of the others would then change them, and whatever identifies by them
/// would join what its source keeps apart.
package struct ByteText: Hashable, Comparable, Sendable {
    package var string: String

    package init(_ string: String) { self.string = string }

    // The synthesized hash is that of the string, and so the same for equal bytes.
    package static func == (a: ByteText, b: ByteText) -> Bool {
        a.string.utf8.count == b.string.utf8.count && compare(a, b) == 0
    }

    package static func < (a: ByteText, b: ByteText) -> Bool {
        let order = compare(a, b)
        return order < 0 || (order == 0 && a.string.utf8.count < b.string.utf8.count)
    }

    /// As `memcmp` does, as far as both go.
    private static func compare(_ a: ByteText, _ b: ByteText) -> Int32 {
        let fast = a.string.utf8.withContiguousStorageIfAvailable { a in
            b.string.utf8.withContiguousStorageIfAvailable { b in
                let count = min(a.count, b.count)
                return count == 0 ? 0 : memcmp(a.baseAddress!, b.baseAddress!, count)
            }
        }
        if case .some(.some(let order)) = fast { return order }
        for (x, y) in zip(a.string.utf8, b.string.utf8) where x != y { return x < y ? -1 : 1 }
        return 0
    }
}

extension String {
    package func hasBytes(of other: String) -> Bool { ByteText(self) == ByteText(other) }

    /// In the order of bytes: that of scalars, whatever is canonically equivalent to what.
    package func precedes(_ other: String) -> Bool { ByteText(self) < ByteText(other) }
}

extension Array where Element == String {
    /// Whether one of the texts has these bytes.
    package func hasText(_ text: String) -> Bool { contains { $0.hasBytes(of: text) } }

    package func hasTexts(of other: [String]) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.hasBytes(of: $1) }
    }
}
