// A number from outside (a socket, a file, a header, a setting, a clock) may have any value. If the nearest
// representable value means the same (no limit, never, as late as possible), these functions return it; if it does not,
// the reader refuses the number.

extension FixedWidthInteger {
    /// Returns the sum, or the nearest representable number.
    @inlinable
    package func addingClamped(_ other: Self) -> Self {
        let (sum, over) = addingReportingOverflow(other)
        return over ? (other < 0 ? .min : .max) : sum
    }

    /// Adds; the result is clamped to the nearest representable number.
    @inlinable
    package mutating func addClamped(_ other: Self) { self = addingClamped(other) }

    /// Returns the difference, or the nearest representable number.
    @inlinable
    package func subtractingClamped(_ other: Self) -> Self {
        let (difference, over) = subtractingReportingOverflow(other)
        return over ? (other > 0 ? .min : .max) : difference
    }

    /// Returns the product, or the nearest representable number.
    @inlinable
    package func multipliedClamped(by other: Self) -> Self {
        let (product, over) = multipliedReportingOverflow(by: other)
        return over ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// Returns the whole part, or the nearest representable number; 0 for NaN.
    package init(clamping value: Double) {
        self = Self(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : value < 0 ? .min : 0)
    }
}

extension Duration {
    /// The longest wait: 136 years. The sum of a time and any longer wait may not be representable.
    package static let longestWait = Duration.seconds(1 << 32)

    /// For a timer: at most ``longestWait``.
    package var boundedWait: Duration { min(self, .longestWait) }

    /// The whole number of `unit` in the duration, rounded towards zero; the nearest representable number if it is too
    /// long.
    ///
    /// - Parameter unit: The unit in nanoseconds, a divisor of a second.
    private func whole(_ unit: Int64) -> Int64 {
        // `components` traps if the seconds do not fit.
        guard self > .seconds(Int64.min), self < .seconds(Int64.max) else { return self < .zero ? .min : .max }
        let (seconds, attoseconds) = components
        return seconds.multipliedClamped(by: 1_000_000_000 / unit).addingClamped(attoseconds / (unit * 1_000_000_000))
    }

    /// Whole nanoseconds; the nearest representable number (292 years) if there are more.
    package var wholeNanoseconds: Int64 { whole(1) }
    /// Whole microseconds; the nearest representable number if there are more.
    package var wholeMicroseconds: Int64 { whole(1_000) }
    /// Whole milliseconds; the nearest representable number if there are more.
    package var wholeMilliseconds: Int64 { whole(1_000_000) }
}
