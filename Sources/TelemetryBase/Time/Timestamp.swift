import Glibc

/// A moment in nanoseconds since 1970-01-01T00:00:00Z, the resolution of the whole pipeline.
///
/// The range is 1677-09-21 to 2262-04-11 (a signed 64-bit count). The text form is RFC 3339.
@frozen
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Nanoseconds since 1970-01-01T00:00:00Z, without leap seconds; negative before.
    public var nanoseconds: Int64

    /// Creates the moment that is this number of nanoseconds after 1970-01-01T00:00:00Z.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    @inlinable
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    @inlinable
    public static func == (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds == b.nanoseconds }

    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(nanoseconds) }

    /// The present time of the system's clock.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            nanoseconds: Int64(time.tv_sec).multipliedClamped(by: 1_000_000_000).addingClamped(Int64(time.tv_nsec)))
    }

    /// Returns the moment that is `duration` later, or earlier if it is negative; the first or last moment of the range
    /// if it is not in the range.
    public func advanced(by duration: Duration) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds.addingClamped(duration.wholeNanoseconds))
    }
}

/// Times of formats that count microseconds. A time outside the range is the first or last moment of it.
extension Timestamp {
    /// Creates the moment that is this number of microseconds after 1970-01-01T00:00:00Z.
    @inlinable
    package init(microseconds: Int64) { self.init(nanoseconds: microseconds.multipliedClamped(by: 1_000)) }

    /// Microseconds since 1970-01-01T00:00:00Z, rounded up: every moment counted in microseconds that is not before
    /// this one is not before the result either.
    package var microsecondsRoundedUp: Int64 {
        nanoseconds / 1_000 + (nanoseconds > 0 && nanoseconds % 1_000 != 0 ? 1 : 0)
    }
}

extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(rfc3339: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Timestamp: JSONValue {
    @usableFromInline
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.sink.append(UInt8(ascii: "\""))
        withUnsafeTemporaryAllocation(byteCount: Timestamp.longestText, alignment: 1) { text in
            let count = write(to: text)
            json.sink.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(text)[..<count]))
        }
        json.sink.append(UInt8(ascii: "\""))
    }
}
