/// Lets a long loop end when nobody waits for its result any more: its client has disconnected, or its time is over.
///
/// A check costs about as much as reading a thread's local, so it is made once in many steps.
package struct CancellationCheck {
    /// At most this many steps are made after the task was cancelled.
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
