/// How fast work goes of late, and when the rest will be done: from counts at times, and nothing else.
package struct ProgressMeter: Sendable {
    private struct Point {
        var time: Duration
        /// What is counted for the rate, which never falls.
        var done: Int
        /// Where in the input the work is, and how much that has; 0 where nobody knows.
        var bytes: Int
        var totalBytes: Int
        var pass: Int
    }

    /// The points of the window, oldest first, and one before it.
    private var points: [Point] = []
    private let window: Duration

    /// - Parameter window: what is longer ago does not count.
    package init(window: Duration = .seconds(10)) { self.window = window }

    /// - Parameters:
    ///   - time: on any clock that does not go back.
    ///   - pass: bytes of different passes are not compared.
    package mutating func update(done: Int, bytes: Int = 0, of totalBytes: Int = 0, pass: Int = 0, at time: Duration) {
        points.append(Point(time: time, done: done, bytes: bytes, totalBytes: totalBytes, pass: pass))
        while points.count > 2, points[1].time <= time - window { points.removeFirst() }
    }

    /// `nil` before there are two points in time.
    package var perSecond: Double? { rate(\.done, points[...]) }

    /// Of the input, or of its pass; `nil` where its size is not known.
    package var percent: Int? {
        guard let last = points.last, last.totalBytes > 0 else { return nil }
        return min(100, Int(saturating: Double(last.bytes) * 100 / Double(last.totalBytes)))
    }

    /// Until the end of the input, or of its pass; `nil` where its size is not known or nothing moves.
    package var timeLeft: Duration? {
        guard let last = points.last, last.totalBytes > 0 else { return nil }
        let rest = last.totalBytes - last.bytes
        if rest <= 0 { return .zero }
        let ofPass = points.drop { $0.pass != last.pass }
        guard let perSecond = rate(\.bytes, ofPass), perSecond > 0 else { return nil }
        return .seconds(Double(rest) / perSecond)
    }

    private func rate(_ count: KeyPath<Point, Int>, _ points: ArraySlice<Point>) -> Double? {
        guard let first = points.first, let last = points.last, last.time > first.time else { return nil }
        return Double(last[keyPath: count] - first[keyPath: count]) / ((last.time - first.time) / .seconds(1))
    }
}

extension Int {
    /// The whole part, or the nearest representable number; 0 for NaN.
    package init(saturating value: Double) {
        self = Int(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : value < 0 ? .min : 0)
    }
}

extension Duration {
    /// As a person wants to read it: `0s`, `61ms`, `1.25s`, `59.8s`, and from a minute on as ``shortText``.
    package var roundedText: String {
        let milliseconds = Int((self / .milliseconds(1)).rounded())
        switch milliseconds {
        case ...0: return "0s"
        case ..<1_000: return "\(milliseconds)ms"
        case ..<10_000: return text(hundredths: (milliseconds + 5) / 10)
        case ..<59_950: return text(hundredths: (milliseconds + 50) / 100 * 10)
        default: return shortText
        }
    }

    private func text(hundredths: Int) -> String {
        let fraction = String(100 + hundredths % 100).dropFirst().reversed().drop { $0 == "0" }.reversed()
        return "\(hundredths / 100)" + (fraction.isEmpty ? "" : ".") + String(fraction) + "s"
    }

    /// In the two largest units, for a person: `12s`, `3m 20s`, `1h 05m`, `2d 03h`.
    package var shortText: String {
        let seconds = Int(saturating: (self / .seconds(1)).rounded())
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3_600: return "\(seconds / 60)m \(two(seconds % 60))s"
        case ..<86_400: return "\(seconds / 3_600)h \(two(seconds % 3_600 / 60))m"
        default: return "\(seconds / 86_400)d \(two(seconds % 86_400 / 3_600))h"
        }
    }
}
