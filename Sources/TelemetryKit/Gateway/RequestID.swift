import Synchronization
import TelemetryBase
import TelemetryHTTP

/// Identifies a request, in the response and in logs: the client's `X-Request-ID` if it is valid, otherwise a generated
/// one.
enum RequestID {
    static let field = "X-Request-ID"

    static func of(_ request: HTTPRequest) -> String {
        if let given = request.header("x-request-id"), isValid(given) { return given }
        return text(next())
    }

    private static let state = Atomic(UInt64.random(in: .min ... .max))

    /// Different each time, in a sequence that starts at random: Weyl steps, mixed as in SplitMix64, each of which
    /// yields one number (https://doi.org/10.1145/2714064.2660195). The system's generator would cost a system call per
    /// number.
    private static func next() -> UInt64 {
        var z = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    private static func text(_ id: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                digits[index] = hexDigit(UInt8(truncatingIfNeeded: id >> UInt64(60 - 4 * index) & 15))
            }
            return 16
        }
    }

    /// Long enough for any scheme of ids, and without characters that could have a meaning in a log.
    static func isValid(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"),
                    UInt8(ascii: "+"),
                    UInt8(ascii: "="), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }
}
