/// Whether a client goes on with the frame that it has begun.
///
/// Some bytes now and then are not progress: a client that sends one before each deadline would hold its buffer for
/// ever.
struct FrameProgress {
    /// Bytes of a frame that count as progress, if less than that does not complete it.
    static let step = 16 * 1024

    /// When the frame began; `nil` while none is unfinished.
    private(set) var began: ContinuousClock.Instant?
    private var mark = (time: ContinuousClock.now, bytes: 0)

    /// - Parameters:
    ///   - held: bytes of the unfinished frame that have arrived.
    ///   - completed: whether a frame before it was completed since the last call.
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
