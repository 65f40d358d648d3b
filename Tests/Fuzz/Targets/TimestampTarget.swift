import TelemetryKit

/// The input as a text is a time exactly where a naive reader takes it for one, and the same; as eight bytes it is a time whose text reads
/// back as the same.
enum TimestampTarget {
    static func failure(_ input: [UInt8]) -> String? {
        let expected = NaiveTimestamp.read(input)
        var first = FuzzInput(input)
        var times = [Int64(bitPattern: first.word())]
        do throws(TimestampFormatError) {
            let time = try read(input)
            if time != expected { return "\(quoted(input)) is \(time), not \(expected.map { "\($0)" } ?? "refused")" }
            times.append(time)
        } catch {
            if expected != nil { return "\(quoted(input)) is refused: \(error)" }
            if error.offset < 0 || error.offset > input.count {
                return "\(quoted(input)) is wrong at byte \(error.offset)"
            }
        }
        for time in times {
            let text = Timestamp(nanoseconds: time).description
            do throws(TimestampFormatError) {
                let back = try read(Array(text.utf8))
                if back != time || NaiveTimestamp.read(Array(text.utf8)) != time {
                    return "\(time) is written \(text) and comes back as \(back)"
                }
            } catch {
                return "\(time) is written \(text): \(error)"
            }
        }
        return nil
    }

    private static func read(_ text: [UInt8]) throws(TimestampFormatError) -> Int64 {
        let result = text.withUnsafeBytes { bytes in
            Result { () throws(TimestampFormatError) in try Timestamp(rfc3339: bytes) }
        }
        return try result.get().nanoseconds
    }
}
