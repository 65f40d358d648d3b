/// A moment in nanoseconds since 1970-01-01T00:00:00Z, the resolution of the whole pipeline.
///
/// The range is 1677-09-21 to 2262-04-11 (a signed 64-bit count). The text form is RFC 3339.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds; negative before.
    public var nanoseconds: Int64

    /// The moment so many nanoseconds after 1970-01-01T00:00:00Z.
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }
}
