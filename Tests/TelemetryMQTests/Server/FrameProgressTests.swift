import Testing

@testable import TelemetryMQServer

@Suite("Whether a client goes on with its frame")
struct FrameProgressTests {
    private let start = ContinuousClock.now

    @Test("a frame that stops is stalled after the limit, and none is while there is no frame")
    func stops() {
        var progress = FrameProgress()
        progress.note(held: 0, completed: true, now: start)
        #expect(!progress.isStalled(after: .seconds(30), now: start + .seconds(900)))
        progress.note(held: 100, completed: false, now: start)
        #expect(!progress.isStalled(after: .seconds(30), now: start + .seconds(30)))
        #expect(progress.isStalled(after: .seconds(30), now: start + .seconds(31)))
        progress.note(held: 0, completed: true, now: start + .seconds(31))
        #expect(!progress.isStalled(after: .seconds(30), now: start + .seconds(900)))
    }

    @Test("some bytes now and then are no progress, a share of the frame or a completed one is")
    func drips() {
        var progress = FrameProgress()
        progress.note(held: 1 << 20, completed: false, now: start)
        for second in 1...31 { progress.note(held: 1 << 20 + second, completed: false, now: start + .seconds(second)) }
        #expect(progress.isStalled(after: .seconds(30), now: start + .seconds(31)))
        progress.note(held: 1 << 20 + FrameProgress.step, completed: false, now: start + .seconds(31))
        #expect(!progress.isStalled(after: .seconds(30), now: start + .seconds(60)))
        #expect(progress.began == start)
        progress.note(held: 5, completed: true, now: start + .seconds(60))
        #expect(
            progress.began == start + .seconds(60)
                && !progress.isStalled(after: .seconds(30), now: start + .seconds(90)))
    }

    @Test("time in which the server itself did not read does not count")
    func paused() {
        var progress = FrameProgress()
        progress.note(held: 100, completed: false, now: start)
        progress.resume(now: start + .seconds(100))
        #expect(!progress.isStalled(after: .seconds(30), now: start + .seconds(130)))
        #expect(progress.isStalled(after: .seconds(30), now: start + .seconds(131)))
    }
}
