import TelemetryBase
import TelemetryHTTP

/// The media types that a request accepts (RFC 9110 section 12.5.1). Without the field, or with an empty one, all.
struct AcceptHeader {
    private struct Range {
        var type: Substring
        var subtype: Substring
        var quality: Double
    }

    private let text: String
    private let ranges: [Range]

    init(_ request: HTTPRequest) { self.init(request.header("accept") ?? "") }

    init(_ text: String) {
        self.text = text
        ranges = text.split(separator: ",").compactMap { item in
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let names = parts.first?.split(separator: "/", omittingEmptySubsequences: false), names.count == 2
            else { return nil }
            // The parameters of the served media types do not matter for the selection.
            let weight =
                parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            return Range(type: names[0].lowercased()[...], subtype: names[1].lowercased()[...], quality: weight)
        }
    }

    /// The weight of the most specific matching range; 0 for a type that is not accepted.
    func quality(_ contentType: String) -> Double {
        guard !ranges.isEmpty else { return 1 }
        let names = contentType.prefix { $0 != ";" }.split(separator: "/")
        return ranges.first { $0.type == names[0] && $0.subtype == names[1] }?.quality
            ?? ranges.first { $0.type == names[0] && $0.subtype == "*" }?.quality
            ?? ranges.first { $0.type == "*" && $0.subtype == "*" }?.quality ?? 0
    }

    func refusal(of contentTypes: [String]) -> APIError {
        APIError(
            status: 406, code: "not_acceptable",
            message:
                "Accept: \(abbreviated(text)) matches none of the available media types: "
                + contentTypes.joined(separator: ", ")
        )
    }
}
