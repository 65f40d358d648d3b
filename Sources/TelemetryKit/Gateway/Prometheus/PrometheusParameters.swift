import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryPromQL

/// The parameters of Prometheus' HTTP API, with its rules: the first of several counts, and an empty one counts as
/// missing.
enum PrometheusParameters {
    static let query = Parameter<String>.prometheus(
        "query", "A PromQL expression.", example: "avg by (Hostname) (DCGM_FI_DEV_GPU_TEMP)", isRequired: true
    ) { $0 ?? "" }
    static let time = optionalTime("time", "The default is the current time.")
    static let start = optionalTime("start", "The first time.")
    static let end = optionalTime("end", "The last time.")
    static let rangeStart = requiredTime("start", "The first time.")
    static let rangeEnd = requiredTime("end", "The last time.")
    static let step = Parameter<Int64>.prometheus("step", "Seconds, or a duration.", example: "15s", isRequired: true) {
        (text) throws(APIError) in
        let step = try required("step", duration("step", text))
        guard step > 0 else { throw invalid("step", "it must be at least a millisecond") }
        return step
    }
    static let timeout = Parameter<Int64?>.prometheus(
        "timeout", "Maximum duration of the query: seconds, or a duration.", example: "30s"
    ) { (text) throws(APIError) in
        let timeout = try duration("timeout", text)
        if let timeout, timeout <= 0 { throw invalid("timeout", "it must be at least a millisecond") }
        return timeout
    }
    static let metric = Parameter<String?>.prometheus("metric", "Only this metric.", example: "DCGM_FI_DEV_GPU_TEMP") {
        $0
    }
    /// `Int.max` for none.
    static let limit = Parameter<Int>.prometheus("limit", "Maximum number of metrics.", example: "100") {
        (text) throws(APIError) in
        guard let text else { return .max }
        guard let limit = Int(text) else { throw invalid("limit", "it is not a whole number") }
        return limit < 0 ? .max : limit
    }
    static let labelName = Parameter.segment("name", "The label's name.", example: "Hostname")
    static let match = match(isRequired: false)
    static let requiredMatch = match(isRequired: true)

    private static func match(isRequired: Bool) -> Parameter<[String]> {
        Parameter(
            "match[]", "Only series that match a selector.", example: "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}",
            isRequired: isRequired, schema: .array(of: .nonEmptyText)
        ) { (texts) throws(APIError) in
            if isRequired, texts.isEmpty { throw invalid("match[]", "it is missing") }
            return texts
        }
    }

    static func invalid(_ name: String, _ reason: String) -> APIError {
        .badRequest("invalid parameter \"\(name)\": \(reason)")
    }

    private static func required<Value>(_ name: String, _ value: Value?) throws(APIError) -> Value {
        guard let value else { throw invalid(name, "it is missing") }
        return value
    }

    // MARK: Times, in milliseconds since 1970

    private static func optionalTime(_ name: String, _ description: String) -> Parameter<Int64?> {
        .prometheus(name, description + timeForms, example: timeExample) { (text) throws(APIError) in
            try time(name, text)
        }
    }

    private static func requiredTime(_ name: String, _ description: String) -> Parameter<Int64> {
        .prometheus(name, description + timeForms, example: timeExample, isRequired: true) { (text) throws(APIError) in
            try required(name, time(name, text))
        }
    }

    private static let timeForms = " Seconds since 1970, or RFC 3339."
    private static let timeExample = "2025-07-18T20:42:37Z"

    /// Parses `1752871354.123`, or RFC 3339.
    private static func time(_ name: String, _ text: String?) throws(APIError) -> Int64? {
        guard let text else { return nil }
        if let seconds = number(text) {
            guard let milliseconds = milliseconds(seconds) else {
                throw invalid(name, "\(abbreviated(text)) is too far from now")
            }
            return milliseconds
        }
        do {
            let nanoseconds = try Timestamp(rfc3339: text).nanoseconds
            return nanoseconds / 1_000_000 - (nanoseconds % 1_000_000 < 0 ? 1 : 0)
        } catch {
            throw invalid(name, "cannot read \(promQLEcho(text)) as seconds since 1970, and it is \(error)")
        }
    }

    /// Parses a number of seconds, or a PromQL duration, to milliseconds.
    private static func duration(_ name: String, _ text: String?) throws(APIError) -> Int64? {
        guard let text else { return nil }
        guard let duration = number(text).map(milliseconds) ?? PromQLDuration.milliseconds(text) else {
            throw invalid(name, "cannot read \(promQLEcho(text)) as a number of seconds or a duration such as 15s")
        }
        return duration
    }

    private static func number(_ text: String) -> Double? {
        let number = Array(text.utf8).withUnsafeBytes { PrometheusNumber.value($0) }
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    /// Rounded to the nearest; `nil` beyond some 290,000 years.
    private static func milliseconds(_ seconds: Double) -> Int64? {
        let whole = seconds.rounded(.towardZero)
        guard whole.magnitude < 9e12 else { return nil }
        return Int64(whole) * 1000 + Int64(((seconds - whole) * 1000).rounded())
    }
}

extension Parameter {
    /// - Parameter parse: returns the value of the text; the text is `nil` if it is missing or empty.
    fileprivate static func prometheus(
        _ name: String, _ description: String, example: String, isRequired: Bool = false,
        _ parse: @escaping @Sendable (String?) throws(APIError) -> Value
    ) -> Parameter {
        Parameter(name, description, example: example, isRequired: isRequired, schema: .nonEmptyText) {
            (texts) throws(APIError) in try parse(texts.first.flatMap { $0.isEmpty ? nil : $0 })
        }
    }
}

extension RequestContext {
    func promQLQuery() throws -> PromQLQuery {
        let query: PromQLQuery
        do {
            query = try PromQLParser.parse(try self[PrometheusParameters.query])
        } catch let error as PromQLError {
            throw PromQLError(error.kind, "invalid parameter \"query\": \(error)")
        }
        // Each one reads its own samples.
        let limit = gateway.configuration.maxSelectors
        guard query.selectors.count <= limit else {
            throw PrometheusParameters.invalid(
                "query", "it has \(query.selectors.count) selectors; the limit is \(limit) (maxSelectors)")
        }
        return query
    }

    /// The selectors of `match[]`, without duplicates.
    func selectors(_ match: Parameter<[String]> = PrometheusParameters.match) throws -> [PromQLSelector] {
        // Each must be parsed, and is compared with every series.
        let texts = Set(try self[match])
        let limit = gateway.configuration.maxSelectors
        guard texts.count <= limit else {
            throw PrometheusParameters.invalid(
                "match[]",
                "\(texts.count) selectors; the limit is \(limit) (maxSelectors): "
                    + "one with =~ and alternatives can stand for many")
        }
        return try texts.sorted().map { text in
            do throws(PromQLError) {
                guard case .selector(let selector) = try PromQLParser.parse(text).expression, selector.window == nil,
                    selector.offset == 0
                else { throw PromQLError(.badData, "\(abbreviated(text)) is not a valid series selector") }
                return selector
            } catch {
                throw PromQLError(error.kind, "invalid parameter \"match[]\": \(error)")
            }
        }
    }
}
