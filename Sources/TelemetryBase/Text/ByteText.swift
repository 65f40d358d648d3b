import Glibc

/// A text that is equal to another if their bytes are equal, and ordered by bytes.
///
/// `String` treats canonically equivalent texts as equal, such as é as one scalar and as e followed by a combining
/// accent. Code that keeps one of several equal texts would then change the others, and code that identifies by them
/// would merge what its source keeps apart.
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

    /// Compares like `memcmp`, up to the length of the shorter one.
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

    /// Orders by bytes, which is the order of scalars, regardless of canonical equivalence.
    package func precedes(_ other: String) -> Bool { ByteText(self) < ByteText(other) }
}

extension Array where Element == String {
    /// Whether one of the texts has these bytes.
    package func hasText(_ text: String) -> Bool { contains { $0.hasBytes(of: text) } }

    package func hasTexts(of other: [String]) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.hasBytes(of: $1) }
    }
}
