import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("What a server makes of its clock, and of a full device")
struct ClockWatchTests {
    static let second: Int64 = 1_000_000

    @Test(
        "a message has its clock's time; only a step back of up to a second is bridged",
        arguments: [(10, 5, 10), (5, 5, 5), (9, 10, 10), (8, 10, 8), (0, 3_000_000, 0)] as [(Int64, Int64, Int64)])
    func stamp(wall: Int64, last: Int64, stamp: Int64) {
        #expect(ClockWatch.stamp(wall: wall * Self.second, last: last * Self.second) == stamp * Self.second)
    }

    @Test("a clock that was ahead is told at once, once, and its end too; a step is told by its size")
    func ahead() {
        var watch = ClockWatch()
        func look(_ wall: Int64, _ elapsed: Int64, _ newest: Int64) -> [ClockWatch.Finding] {
            watch.look(wall: wall * Self.second, elapsed: elapsed * Self.second, newest: newest * Self.second)
        }
        #expect(look(1000, 0, 900) == [])
        #expect(look(1001, 1, 1001) == [])
        // Set forward by 500, and back.
        #expect(look(1502, 2, 1002) == [.stepped(500 * Self.second)])
        #expect(!watch.isTrusted(elapsed: 3 * Self.second) && watch.isTrusted(elapsed: 603 * Self.second))
        #expect(look(1503, 3, 1503) == [])
        #expect(look(1004, 4, 1503) == [.stepped(-500 * Self.second), .ahead(499 * Self.second)])
        #expect(watch.isTrusted(elapsed: 4 * Self.second))
        #expect(look(1005, 5, 1503) == [] && watch.ahead == 498 * Self.second)
        #expect(look(1503, 503, 1503) == [.caughtUp] && watch.ahead == 0)
        // A log whose times are the largest there are.
        #expect(watch.look(wall: 0, elapsed: 0, newest: .max).count == 2)
    }

    @Test(
        "a full device is news once, knows the smallest write that it refused, and has room again once a write succeeds"
    )
    func storage() {
        var state = StorageState()
        let full = LogError.full(.init("write", on: "f", code: 28))
        #expect(state.accept() == nil)
        #expect(state.refuse(full, messages: 3, bytes: 300) == true)
        #expect(state.refuse(full, messages: 1, bytes: 100) == false)
        #expect(state.refuse(full, messages: 2, bytes: 500) == false)
        #expect(state.isFull && state.refusedBytes == 100 && state.reason?.contains("No space") == true)
        #expect(state.accept() == 6 && !state.isFull && state.accept() == nil)
        #expect(state.refuse(full, messages: 1, bytes: 700) == true && state.refusedBytes == 700)
        #expect(state.refuse(.failed(.init("write", on: "f", code: 5)), messages: 4, bytes: 1) == false)
        #expect(state.refusedMessages == 11)
    }
}
