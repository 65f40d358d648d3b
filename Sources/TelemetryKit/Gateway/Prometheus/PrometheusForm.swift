import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryPromQL

/// The parameters of a request to Prometheus' API: of a posted form, and of the query. Unknown ones are ignored, as in
/// Prometheus.
struct PrometheusForm: Sendable {
    /// The first of several is used; those of the form come first.
    private var parameters: [(name: String, value: String)] = []

    init(_ request: HTTPRequest) throws(PromQLError) {
        if request.method == "POST" {
            let type = request.header("content-type")?.prefix { $0 != ";" }.lowercased() ?? ""
            guard type == "application/x-www-form-urlencoded" else {
                throw PromQLError(
                    .badData,
                    "a posted query is of the type application/x-www-form-urlencoded, but this has the type \(promQLEcho(type))"
                )
            }
            try add(String(decoding: request.body, as: UTF8.self))
        }
        try add(request.query)
    }

    private mutating func add(_ text: String) throws(PromQLError) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(parts[0], plusIsSpace: true),
                let value = percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw PromQLError(.badData, "a parameter has an invalid escape: \(abbreviated(pair))") }
            parameters.append((name, value))
        }
    }

    private static func invalid(_ name: String, _ reason: String) -> PromQLError {
        PromQLError(.badData, "invalid parameter \(promQLEcho(name)): \(reason)")
    }

    /// `nil` if it is missing or empty.
    func text(_ name: String) -> String? {
        parameters.first { $0.name == name }.flatMap { $0.value.isEmpty ? nil : $0.value }
    }

    func texts(_ name: String) -> [String] { parameters.filter { $0.name == name }.map(\.value) }

    func query(maxSelectors: Int) throws(PromQLError) -> PromQLQuery {
        let query: PromQLQuery
        do {
            query = try PromQLParser.parse(text("query") ?? "")
        } catch {
            throw PromQLError(error.kind, "invalid parameter \"query\": \(error)")
        }
        // Each one reads its own samples.
        guard query.selectors.count <= maxSelectors else {
            throw Self.invalid(
                "query", "it has \(query.selectors.count) selectors; the limit is \(maxSelectors) (maxSelectors)")
        }
        return query
    }

    /// The selectors of `match[]`, without duplicates.
    func selectors(limit: Int) throws(PromQLError) -> [PromQLSelector] {
        // Each must be parsed, and is compared with every series.
        let texts = Set(texts("match[]"))
        guard texts.count <= limit else {
            throw Self.invalid(
                "match[]",
                "\(texts.count) selectors; the limit is \(limit) (maxSelectors): "
                    + "one with =~ and alternatives can stand for many")
        }
        var selectors: [PromQLSelector] = []
        for text in texts.sorted() {
            do throws(PromQLError) {
                guard case .selector(let selector) = try PromQLParser.parse(text).expression, selector.window == nil,
                    selector.offset == 0
                else {
                    throw PromQLError(.badData, "\(abbreviated(text)) is not a valid series selector")
                }
                selectors.append(selector)
            } catch {
                throw PromQLError(error.kind, "invalid parameter \"match[]\": \(error)")
            }
        }
        return selectors
    }

    /// Parses milliseconds since 1970: `1752871354.123`, or RFC 3339.
    func time(_ name: String) throws(PromQLError) -> Int64? {
        guard let text = text(name) else { return nil }
        if let seconds = Self.number(text) {
            guard let milliseconds = Self.milliseconds(seconds) else {
                throw Self.invalid(name, "\(abbreviated(text)) is too far from now")
            }
            return milliseconds
        }
        do {
            let nanoseconds = try Timestamp(rfc3339: text).nanoseconds
            return nanoseconds / 1_000_000 - (nanoseconds % 1_000_000 < 0 ? 1 : 0)
        } catch {
            throw Self.invalid(name, "cannot read \(promQLEcho(text)) as seconds since 1970, and it is \(error)")
        }
    }

    /// Parses milliseconds: seconds, or a PromQL duration.
    func duration(_ name: String) throws(PromQLError) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let duration = Self.number(text).map(Self.milliseconds) ?? PromQLDuration.milliseconds(text) else {
            throw Self.invalid(name, "cannot read \(promQLEcho(text)) as a number of seconds or a duration such as 15s")
        }
        return duration
    }

    func required<Value>(_ name: String, _ value: Value?) throws(PromQLError) -> Value {
        guard let value else { throw Self.invalid(name, "it is missing") }
        return value
    }

    private static func number(_ text: String) -> Double? {
        let number = Array(text.utf8).withUnsafeBytes { PrometheusNumber.value($0) }
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    /// Rounded to the nearest; `nil` beyond some 290 000 years.
    private static func milliseconds(_ seconds: Double) -> Int64? {
        let whole = seconds.rounded(.towardZero)
        guard whole.magnitude < 9e12 else { return nil }
        return Int64(whole) * 1000 + Int64(((seconds - whole) * 1000).rounded())
    }
}
