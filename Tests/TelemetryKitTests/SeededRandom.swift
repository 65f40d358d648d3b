import TelemetryKit

/// Random numbers that a failing test can repeat.
typealias SeededRandom = SuiteRandom
