/// Lets a long loop end when its result is no longer needed: its client has disconnected, or its time is over.
///
/// A check costs about as much as reading a thread-local value, so it is made once per many steps.
package struct CancellationCheck {
    /// The maximum number of steps after the task was cancelled.
    static let interval = 256
    private var steps = 0

    package init() {
    }

    /// Throws `CancellationError` if the task is cancelled. Call it before each step.
    @inline(__always)
    package mutating func step() throws {
        if steps & (Self.interval - 1) == 0 { try Task.checkCancellation() }
        steps &+= 1
    }
}
