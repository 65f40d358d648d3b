import TelemetryNet

/// What tells a request from any other, in the answer and in logs: the client's `X-Request-ID` where it is sound, else one of ours.
enum RequestID {
    static let field = "X-Request-ID"

    static func of(_ request: HTTPRequest) -> String {
        if let given = request.header("x-request-id"), isSound(given) { return given }
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// Long enough for any scheme of ids, and without what could mean something in a log.
    static func isSound(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "+"),
                    UInt8(ascii: "="), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }
}
