/// A query as a tree. Parentheses are removed: the tree contains the order.
package indirect enum PromQLExpression: Sendable {
    case number(Double)
    case string(String)
    case selector(PromQLSelector)
    case negated(PromQLExpression)
    case call(PromQLFunction, [PromQLExpression], node: Int)
    case aggregation(PromQLAggregation)
    case binary(PromQLBinary)

    package enum ValueType: String, Sendable {
        case scalar
        case string
        case vector = "instant vector"
        case matrix = "range vector"
    }

    package var type: ValueType {
        switch self {
        case .number: .scalar
        case .string: .string
        case .selector(let selector): selector.window == nil ? .vector : .matrix
        case .negated(let expression): expression.type
        case .call(let function, _, _): function.signature.result
        case .aggregation: .vector
        case .binary(let binary): binary.left.type == .scalar && binary.right.type == .scalar ? .scalar : .vector
        }
    }
}

/// `name{label="value"}[5m] offset 1h`
package struct PromQLSelector: Sendable {
    /// Its index among the selectors of the query.
    var index = 0
    /// The name, in addition to the matchers.
    var name: String?
    /// Includes the matcher for the name.
    package var matchers: [LabelMatcher]
    /// The length of a range in milliseconds.
    package var window: Int64?
    /// The offset in milliseconds.
    package var offset: Int64 = 0
}

/// `sum by (gpu) (…)`
package struct PromQLAggregation: Sendable {
    package enum Operation: String, Sendable, CaseIterable {
        case sum, avg, min, max, count, group, stddev, stdvar, topk, bottomk, quantile
        case countValues = "count_values"

        /// The type of the argument before the vector.
        var parameterType: PromQLExpression.ValueType? {
            switch self {
            case .topk, .bottomk, .quantile: .scalar
            case .countValues: .string
            default: nil
            }
        }
    }

    var operation: Operation
    var parameter: PromQLExpression?
    var vector: PromQLExpression
    /// The labels that are removed, or otherwise those that are kept.
    var isWithout = false
    var labels: [String] = []
    /// The key under which the evaluation caches its results.
    var node: Int
}

package struct PromQLBinary: Sendable {
    package enum Operation: String, Sendable {
        case add = "+"
        case subtract = "-"
        case multiply = "*"
        case divide = "/"
        case modulo = "%"
        case power = "^"
        case atan2
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case and, or, unless

        var isComparison: Bool {
            switch self {
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: true
            default: false
            }
        }

        /// Whether the result still belongs to the metric. That of atan2 does not, as in Prometheus.
        var keepsName: Bool { isComparison || self == .atan2 }

        var isSet: Bool { self == .and || self == .or || self == .unless }

        /// The precedence.
        var precedence: Int {
            switch self {
            case .or: 1
            case .and, .unless: 2
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: 3
            case .add, .subtract: 4
            case .multiply, .divide, .modulo, .atan2: 5
            case .power: 6
            }
        }
    }

    /// The side on which a series may have several partners.
    package enum Many: Sendable { case none, left, right }

    /// The rule by which series of both sides are matched.
    package struct Matching: Sendable {
        /// Whether the labels are those that are compared, or otherwise those that are ignored.
        var isOn = false
        var labels: [String] = []
        var many = Many.none
        /// Labels copied from the "one" side.
        var included: [String] = []
    }

    var operation: Operation
    var left: PromQLExpression
    var right: PromQLExpression
    var returnsBool = false
    var matching = Matching()
    var node: Int
}

/// A parsed query.
package struct PromQLQuery: Sendable {
    package var expression: PromQLExpression
    /// The selectors, ordered by their index.
    package var selectors: [PromQLSelector]
}
