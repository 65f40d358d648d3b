import Synchronization
import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("Tasks that wait for a change of a state")
struct WaitersTests {
    private final class Gate: Sendable {
        struct State {
            var isOpen = false
            var waiters = Waiters()
            /// Of tasks that have passed, in their order.
            var passed: [Int] = []
        }

        let state = Mutex(State())

        func pass(_ index: Int = 0) async {
            await state.wait(\.waiters) { !$0.isOpen }
            state.withLock { $0.passed.append(index) }
        }

        func passThroughCancellation() async { await state.waitThroughCancellation(\.waiters) { !$0.isOpen } }

        func open() {
            take { state in
                state.isOpen = true
                return state.waiters.takeAll()
            }
        }

        func take(_ body: (inout State) -> Waiters.Woken) { state.withLock { body(&$0) }.resume() }

        var passed: [Int] { state.withLock { $0.passed } }

        var count: Int { state.withLock { $0.waiters.count } }

        func waiting(_ count: Int) async { while self.count < count { await Task.yield() } }
    }

    @Test("a state that blocks nobody is not waited for")
    func passes() async {
        let gate = Gate()
        gate.open()
        await gate.pass()
        await gate.passThroughCancellation()
        #expect(gate.count == 0)
    }

    @Test("taking all wakes every task, once each", arguments: [1, 2, 50])
    func all(count: Int) async {
        let gate = Gate()
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<count { tasks.addTask { await gate.pass(index) } }
            await gate.waiting(count)
            #expect(gate.passed.isEmpty)
            gate.open()
        }
        #expect(gate.passed.sorted() == Array(0..<count))
        #expect(gate.count == 0)
    }

    @Test("taking the first wakes tasks in the order in which they came")
    func order() async {
        let gate = Gate()
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<5 {
                tasks.addTask { await gate.pass(index) }
                await gate.waiting(index + 1)
            }
            for index in 0..<5 {
                gate.take { $0.waiters.takeFirst() }
                while gate.passed.count <= index { await Task.yield() }
            }
        }
        #expect(gate.passed == [0, 1, 2, 3, 4])
    }

    @Test("a cancelled task stops waiting, and the others wait on")
    func cancelled() async {
        let gate = Gate()
        var tasks: [Task<Void, Never>] = []
        for index in 0..<4 {
            tasks.append(Task { await gate.pass() })
            await gate.waiting(index + 1)
        }
        // In the middle, at the end, and the first one.
        for (left, index) in [(3, 1), (2, 3), (1, 0)] {
            tasks[index].cancel()
            await tasks[index].value
            #expect(gate.count == left)
        }
        gate.open()
        await tasks[2].value
    }

    @Test("a task that was cancelled before it waits does not wait")
    func cancelledBefore() async {
        let gate = Gate()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            await gate.pass()
        }
        task.cancel()
        await task.value
        #expect(gate.count == 0)
    }

    @Test("what has to be handed over is waited for by a cancelled task too")
    func throughCancellation() async {
        let gate = Gate()
        let task = Task {
            await gate.passThroughCancellation()
            return gate.state.withLock { $0.isOpen }
        }
        await gate.waiting(1)
        task.cancel()
        #expect(gate.count == 1)
        gate.open()
        #expect(await task.value)
    }

    @Test("waking and cancelling at the same time resumes each task once", arguments: 0..<20)
    func race(round: Int) async {
        let gate = Gate()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<20 { tasks.addTask { await gate.pass() } }
            await gate.waiting(round)
            tasks.addTask { gate.open() }
            tasks.cancelAll()
        }
        #expect(gate.count == 0 && gate.passed.count == 20)
    }
}
