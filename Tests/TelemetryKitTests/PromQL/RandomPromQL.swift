@testable import TelemetryGateway
@testable import TelemetryPromQL
@testable import TelemetryStores

/// Queries from the grammar whose answer in exact arithmetic is the same in any order: what rounding or ties could decide is left out.
struct RandomPromQL {
    private var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func query() -> String { chance(8) ? scalar(2) : vector(3) }

    private mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

    private mutating func pick(_ choices: [String]) -> String { choices.randomElement(using: &random)! }

    private mutating func metric() -> String { pick(FleetSamples.gauges + FleetSamples.counters) }

    private mutating func selector(range: String = "") -> String {
        var matchers: [String] = []
        if chance(2) { matchers.append("gpu\(pick(["=", "!=", "=~", "!~"]))\"\(pick(["0", "1", "", "0|1"]))\"") }
        if chance(3) {
            matchers.append(
                "Hostname\(pick(["=", "!=", "=~", "!~"]))\"\(pick(["dgx-031", "node.example", "dgx.*", ".*3[12]"]))\"")
        }
        if chance(4) {
            matchers.append("pod\(pick(["=", "!=", "=~", "!~"]))\"\(pick(["train-1", "", "train-.", "(train-2)?"]))\"")
        }
        let braces = matchers.isEmpty ? "" : "{\(matchers.joined(separator: ", "))}"
        return metric() + braces + range + (chance(6) ? " offset \(pick(["1m", "7s", "-90s"]))" : "")
    }

    private mutating func range() -> String {
        let function = pick([
            "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "avg_over_time", "min_over_time",
            "max_over_time", "sum_over_time",
            "count_over_time", "last_over_time", "present_over_time", "quantile_over_time", "deriv",
        ])
        let argument = selector(range: "[\(pick(["30s", "1m", "2m17s", "5m", "20m"]))]")
        return function == "quantile_over_time"
            ? "\(function)(\(pick(["0", "0.3", "0.99"])), \(argument))" : "\(function)(\(argument))"
    }

    private mutating func number() -> String { pick(["0", "1", "2", "-3", "0.5", "41.03", "77.7", "1e3", "1 / 3"]) }

    private mutating func scalar(_ depth: Int) -> String {
        guard depth > 0 else { return number() }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return "(\(scalar(depth - 1)) \(pick(["+", "-", "*", "/"])) \(scalar(depth - 1)))"
        case 1: return "(\(scalar(depth - 1)) \(pick(["<", ">=", "!="])) bool \(number()))"
        case 2: return "scalar(\(pick(["sum", "min", "max"]))(\(selector())))"
        default: return pick([number(), "time()", "-(\(number()))"])
        }
    }

    private mutating func labels() -> String {
        pick([
            "gpu", "Hostname", "gpu, Hostname", "UUID", "pod", "UUID, pod", "job, instance", "modelName", "",
            "nothing, gpu",
        ])
    }

    private mutating func vector(_ depth: Int) -> String {
        guard depth > 0 else { return chance(2) ? selector() : range() }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return selector()
        case 1: return range()
        case 2, 3:
            let operation = pick(["sum", "min", "max", "count", "avg", "group"])
            return "\(operation) \(pick(["by", "without"])) (\(labels())) (\(vector(depth - 1)))"
        case 4: return "(\(vector(depth - 1)) \(pick(["+", "-", "*", "/"])) \(scalar(depth - 1)))"
        case 5: return "(\(scalar(depth - 1)) \(pick(["+", "-", "*", "/"])) \(vector(depth - 1)))"
        case 6:
            return
                "(\(selector()) \(pick(["<", ">", "<=", ">=", "==", "!="]))\(pick(["", " bool"])) \(pick(["41.03", "77.7"])))"
        case 7: return "(\(vector(depth - 1)) \(pick(["+", "-", "*", "and", "or", "unless"])) \(vector(depth - 1)))"
        case 8:
            let shared = pick(["gpu", "Hostname", "UUID"])
            let side = "\(pick(["max", "min", "sum"])) by (\(shared)) (\(vector(depth - 1)))"
            return
                "(\(vector(depth - 1)) \(pick(["+", "*", "-"])) on (\(shared)) group_left (\(pick(["", "nothing"]))) \(side))"
        case 9: return "\(pick(["abs", "sgn", "-", "+", "sqrt"]))(\(vector(depth - 1)))"
        case 10: return "\(pick(["topk", "bottomk"])) by (\(labels())) (\(pick(["1", "2", "5"])), \(metric()))"
        default: return "clamp_\(pick(["min", "max"]))(\(vector(depth - 1)), \(number()))"
        }
    }
}
