// A number of outside origin (a socket, a file, a header, a setting, a clock) may be any number. If the nearest one that
// fits means the same (no limit, never, as late as can be), these give it; if it does not, the reader refuses the number.

extension FixedWidthInteger {
    /// The sum, or the nearest number that fits.
    @inlinable
    package func addingClamped(_ other: Self) -> Self {
        let (sum, over) = addingReportingOverflow(other)
        return over ? (other < 0 ? .min : .max) : sum
    }

    /// Adds; the result is the nearest number that fits.
    @inlinable
    package mutating func addClamped(_ other: Self) { self = addingClamped(other) }

    /// The difference, or the nearest number that fits.
    @inlinable
    package func subtractingClamped(_ other: Self) -> Self {
        let (difference, over) = subtractingReportingOverflow(other)
        return over ? (other > 0 ? .min : .max) : difference
    }

    /// The product, or the nearest number that fits.
    @inlinable
    package func multipliedClamped(by other: Self) -> Self {
        let (product, over) = multipliedReportingOverflow(by: other)
        return over ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// The whole part, or the nearest number that fits; 0 for NaN.
    package init(clamping value: Double) {
        self = Self(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : value < 0 ? .min : 0)
    }
}

extension Duration {
    /// The longest wait: 136 years. The sum of a time and any longer one may not be a time any more.
    package static let longestWait = Duration.seconds(1 << 32)

    /// For a timer: not beyond ``longestWait``.
    package var boundedWait: Duration { min(self, .longestWait) }

    /// The whole number of `unit` in the duration, towards zero; the nearest number that fits where it is too long.
    ///
    /// - Parameter unit: in nanoseconds, a divisor of a second.
    private func whole(_ unit: Int64) -> Int64 {
        // `components` stops the process where the seconds do not fit.
        guard self > .seconds(Int64.min), self < .seconds(Int64.max) else { return self < .zero ? .min : .max }
        let (seconds, attoseconds) = components
        return seconds.multipliedClamped(by: 1_000_000_000 / unit).addingClamped(attoseconds / (unit * 1_000_000_000))
    }

    /// Whole nanoseconds; the nearest number that fits (292 years) where there are more.
    package var wholeNanoseconds: Int64 { whole(1) }
    /// Whole microseconds; the nearest number that fits where there are more.
    package var wholeMicroseconds: Int64 { whole(1_000) }
    /// Whole milliseconds; the nearest number that fits where there are more.
    package var wholeMilliseconds: Int64 { whole(1_000_000) }
}
