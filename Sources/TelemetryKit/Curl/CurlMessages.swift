/// A request that ``CurlClient`` sends.
struct CurlRequest: Sendable {
    var method = "GET"
    var url: String
    var headers: [(name: String, value: String)] = []
    /// Sent with its length; `nil`: no body.
    var body: [UInt8]?
    /// From the call until the last byte of the answer.
    var timeout = Duration.seconds(30)
    /// A longer body of the answer is a failure. It bounds the memory.
    var maximumBody = Int.max
}

struct CurlResponse: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    /// The first header of that name, in any case.
    func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer. One with a bad status is an answer.
struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable {
        case network, timeout, invalidRequest, tooLarge, closed
    }

    var kind: Kind
    var url: String
    /// Most often in libcurl's words.
    var reason: String

    var description: String { "\(url): \(reason)" }
}

/// Percent-encodes what is not unreserved (RFC 3986, section 2.3): for one name or value of a query.
func percentEncoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            out.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = Array("0123456789ABCDEF")
            out += "%"
            out.append(digits[Int(byte >> 4)])
            out.append(digits[Int(byte & 15)])
        }
    }
    return out
}

/// `name=value&…`, as a query or as a form body.
func formEncoded(_ fields: [(String, String)]) -> String {
    fields.map { percentEncoded($0.0) + "=" + percentEncoded($0.1) }.joined(separator: "&")
}
