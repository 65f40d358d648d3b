/// The supported functions, by name.
package enum PromQLFunction: String, Sendable, CaseIterable {
    case rate, increase, delta, irate, idelta, deriv, changes, resets
    case predictLinear = "predict_linear"
    case avgOverTime = "avg_over_time"
    case minOverTime = "min_over_time"
    case maxOverTime = "max_over_time"
    case sumOverTime = "sum_over_time"
    case countOverTime = "count_over_time"
    case lastOverTime = "last_over_time"
    case presentOverTime = "present_over_time"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case quantileOverTime = "quantile_over_time"
    case absentOverTime = "absent_over_time"
    case abs, ceil, floor, round, sgn, sqrt, exp, ln, log2, log10, clamp
    case clampMin = "clamp_min"
    case clampMax = "clamp_max"
    case sort
    case sortDesc = "sort_desc"
    case absent, timestamp, scalar, vector, time

    struct Signature {
        var parameters: [PromQLExpression.ValueType]
        /// The number of parameters that may be omitted, from the last.
        var optional = 0
        var result: PromQLExpression.ValueType = .vector
    }

    var signature: Signature {
        switch self {
        case .rate, .increase, .delta, .irate, .idelta, .deriv, .changes, .resets, .avgOverTime, .minOverTime,
            .maxOverTime,
            .sumOverTime, .countOverTime, .lastOverTime, .presentOverTime, .stddevOverTime, .stdvarOverTime,
            .absentOverTime:
            Signature(parameters: [.matrix])
        case .predictLinear: Signature(parameters: [.matrix, .scalar])
        case .quantileOverTime: Signature(parameters: [.scalar, .matrix])
        case .abs, .ceil, .floor, .sgn, .sqrt, .exp, .ln, .log2, .log10, .sort, .sortDesc, .absent, .timestamp:
            Signature(parameters: [.vector])
        case .round: Signature(parameters: [.vector, .scalar], optional: 1)
        case .clamp: Signature(parameters: [.vector, .scalar, .scalar])
        case .clampMin, .clampMax: Signature(parameters: [.vector, .scalar])
        case .scalar: Signature(parameters: [.vector], result: .scalar)
        case .vector: Signature(parameters: [.scalar])
        case .time: Signature(parameters: [], result: .scalar)
        }
    }

    /// Whether it maps a range of samples to one value.
    var takesRange: Bool { signature.parameters.contains(.matrix) }

    /// Functions of Prometheus 2.42 that are not supported here.
    static let others: Set<String> = [
        "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "day_of_month", "day_of_week", "day_of_year",
        "days_in_month", "deg", "histogram_count", "histogram_fraction", "histogram_quantile", "histogram_sum",
        "holt_winters", "hour",
        "label_join", "label_replace", "minute", "month", "pi", "rad", "sin", "sinh", "tan", "tanh", "year",
    ]
}
