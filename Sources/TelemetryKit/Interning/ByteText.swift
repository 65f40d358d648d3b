/// A text that is equal to another where their bytes are.
///
/// `String` is also equal to what is canonically equivalent, as é in one scalar is to e with an accent behind it. Whatever keeps one of
/// equal texts in place of the others would then change them.
struct ByteText: Hashable, Sendable {
    var string: String

    init(_ string: String) { self.string = string }

    // The synthesized hash is that of the string, and so the same for equal bytes.
    static func == (a: ByteText, b: ByteText) -> Bool { a.string.utf8.elementsEqual(b.string.utf8) }
}

extension String {
    func hasBytes(of other: String) -> Bool { ByteText(self) == ByteText(other) }
}
