/// The samples of one series in a range, at least one, and the functions over them.
struct RangeSamples {
    var times: ArraySlice<Int64>
    var values: ArraySlice<Double>
    /// The range in milliseconds; both ends are inclusive.
    var start: Int64
    var end: Int64

    private var count: Int { values.count }
    private var firstTime: Int64 { times[times.startIndex] }
    private var lastTime: Int64 { times[times.endIndex - 1] }
    private var firstValue: Double { values[values.startIndex] }
    private var lastValue: Double { values[values.endIndex - 1] }

    /// Returns `nil` if there are too few samples for a result.
    func value(_ function: PromQLFunction, parameter: Double, at time: Int64) -> Double? {
        switch function {
        case .rate: extrapolated(isCounter: true).map { $0 / (Double(end - start) / 1000) }
        case .increase: extrapolated(isCounter: true)
        case .delta: extrapolated(isCounter: false)
        case .irate: lastChange(isRate: true)
        case .idelta: lastChange(isRate: false)
        case .deriv: count < 2 ? nil : regression(at: firstTime).slope
        case .predictLinear: count < 2 ? nil : regression(at: time).prediction(after: parameter)
        case .changes: Double(neighbours { $0 != $1 && !($0.isNaN && $1.isNaN) })
        case .resets: Double(neighbours { $1 < $0 })
        case .avgOverTime: mean
        case .sumOverTime: sum
        case .minOverTime: values.min()!
        case .maxOverTime: values.max()!
        case .countOverTime: Double(count)
        case .lastOverTime: lastValue
        case .presentOverTime: 1
        case .stddevOverTime: variance.squareRoot()
        case .stdvarOverTime: variance
        case .quantileOverTime: promQLQuantile(parameter, Array(values))
        default: preconditionFailure("\(function.rawValue) takes no range")
        }
    }

    private func neighbours(where fits: (Double, Double) -> Bool) -> Int {
        zip(values, values.dropFirst()).count { fits($0, $1) }
    }

    // MARK: Changes

    /// Extrapolates the change over the whole range from the change between the first and the last sample.
    ///
    /// Prometheus extrapolates to the ends of the range if they are no farther than 1.1 of the mean distance of
    /// samples, otherwise by half of that distance; a counter is not extrapolated below 0. A counter that decreases has
    /// restarted at 0.
    private func extrapolated(isCounter: Bool) -> Double? {
        guard count >= 2 else { return nil }
        var change = lastValue - firstValue
        if isCounter {
            for (before, now) in zip(values, values.dropFirst()) where now < before { change += before }
        }
        let sampled = Double(lastTime - firstTime) / 1000
        let distance = sampled / Double(count - 1)
        var toStart = Double(firstTime - start) / 1000
        let toEnd = Double(end - lastTime) / 1000
        if isCounter, change > 0, firstValue >= 0 { toStart = min(toStart, sampled * (firstValue / change)) }
        func reached(_ gap: Double) -> Double { gap < distance * 1.1 ? gap : distance / 2 }
        return change * ((sampled + reached(toStart) + reached(toEnd)) / sampled)
    }

    /// The change between the last two samples.
    private func lastChange(isRate: Bool) -> Double? {
        guard count >= 2 else { return nil }
        let before = values[values.endIndex - 2]
        let seconds = Double(lastTime - times[times.endIndex - 2]) / 1000
        return isRate ? (lastValue < before ? lastValue : lastValue - before) / seconds : lastValue - before
    }

    // MARK: Regression

    private struct Line {
        var slope: Double
        /// At the evaluation time.
        var value: Double

        func prediction(after seconds: Double) -> Double { slope * seconds + value }
    }

    /// Least squares, with times in seconds relative to `origin`.
    private func regression(at origin: Int64) -> Line {
        // A constant has no rounding error.
        if values.allSatisfy({ $0 == firstValue }) { return Line(slope: 0, value: firstValue) }
        let seconds = times.map { Double($0 - origin) / 1000 }
        let n = Double(count)
        let (sumX, sumY) = (accurateSum(seconds), accurateSum(values))
        let covariance = accurateSum(zip(seconds, values).map { $0 * $1 }) - sumX * sumY / n
        let slope = covariance / (accurateSum(seconds.map { $0 * $0 }) - sumX * sumX / n)
        return Line(slope: slope, value: sumY / n - slope * sumX / n)
    }

    // MARK: Statistics

    private var sum: Double { accurateSum(values) }
    private var mean: Double { sum / Double(count) }
    private var variance: Double {
        let mean = mean
        return accurateSum(values.map { ($0 - mean) * ($0 - mean) }) / Double(count)
    }

    /// Uses compensated summation (A. Neumaier, 1974).
    private func accurateSum(_ terms: some Sequence<Double>) -> Double {
        var sum = 0.0
        var error = 0.0
        for term in terms {
            let next = sum + term
            if next.isFinite { error += sum.magnitude >= term.magnitude ? (sum - next) + term : (term - next) + sum }
            sum = next
        }
        return sum + error
    }
}

/// Interpolates between the two values next to its rank, like Prometheus; NaN if there are no values.
func promQLQuantile(_ quantile: Double, _ values: [Double]) -> Double {
    guard !values.isEmpty, !quantile.isNaN else { return .nan }
    guard quantile >= 0 else { return -.infinity }
    guard quantile <= 1 else { return .infinity }
    // NaN comes first.
    let sorted = values.sorted { $0 < $1 || ($0.isNaN && !$1.isNaN) }
    let rank = quantile * Double(sorted.count - 1)
    let lower = Int(rank)
    let weight = rank - rank.rounded(.down)
    return sorted[lower] * (1 - weight) + sorted[min(lower + 1, sorted.count - 1)] * weight
}
