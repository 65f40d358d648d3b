/// Whether a client makes progress with the frame that it has begun.
///
/// A few bytes now and then are not progress: a client that sends one before each deadline would keep its buffer for
/// ever.
struct FrameProgress {
    /// The number of bytes of a frame that count as progress, if fewer do not complete it.
    static let step = 16 * 1024

    /// When the frame began; `nil` if none is unfinished.
    private(set) var began: ContinuousClock.Instant?
    private var mark = (time: ContinuousClock.now, bytes: 0)

    /// - Parameters:
    ///   - held: The number of bytes of the unfinished frame that have arrived.
    ///   - completed: Whether an earlier frame was completed since the last call.
    mutating func note(held: Int, completed: Bool, now: ContinuousClock.Instant) {
        guard held > 0 else { return began = nil }
        if began == nil || completed {
            began = now
            mark = (now, held)
        } else if held - mark.bytes >= Self.step {
            mark = (now, held)
        }
    }

    /// The server itself did not read until now.
    mutating func resume(now: ContinuousClock.Instant) { mark.time = now }

    func isStalled(after limit: Duration, now: ContinuousClock.Instant) -> Bool {
        began != nil && now - mark.time > limit
    }
}
