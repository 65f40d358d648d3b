import Synchronization

/// Hands values from one task to another, and holds at most `capacity` of them: whoever sends into a full queue waits.
///
/// One task sends, one receives. Cancellation does not end a wait, so that a task that was cancelled can still hand over
/// what it holds; ``abort()`` does.
package final class BoundedQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isFinished = false
        var isAborted = false
        var sender: Waiter?
        var receiver: Waiter?
    }

    private typealias Waiter = CheckedContinuation<Void, Never>
    private enum SendStep { case sent(wakes: Waiter?), refused, full }
    private enum ReceiveStep { case element(Element, wakes: Waiter?), ended, empty }

    private let capacity: Int
    private let state = Mutex(State())

    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    package var count: Int { state.withLock { $0.elements.count } }

    /// Whether somebody waits for room.
    package var isSenderWaiting: Bool { state.withLock { $0.sender != nil } }

    /// Returns `false` if the queue was finished or aborted and the element is not in it.
    ///
    /// - Parameter whileWaiting: called every `period` while there is no room.
    package nonisolated(nonsending) func send(
        _ element: Element, every period: Duration = .seconds(3600), whileWaiting: () -> Void = {}
    ) async -> Bool {
        while true {
            let step: SendStep = state.withLock { state in
                if state.isFinished || state.isAborted { return .refused }
                guard state.elements.count < capacity else { return .full }
                state.elements.append(element)
                return .sent(wakes: state.receiver.take())
            }
            switch step {
            case .refused: return false
            case .sent(let receiver):
                receiver?.resume()
                return true
            case .full:
                whileWaiting()
                let timer = Task { [self] in
                    guard (try? await Task.sleep(for: period)) != nil else { return }
                    // At worst it wakes a later wait, which looks and waits on.
                    state.withLock { $0.sender.take() }?.resume()
                }
                await wait(\.sender) { $0.elements.count >= self.capacity && !$0.isFinished && !$0.isAborted }
                timer.cancel()
            }
        }
    }

    /// The oldest element; `nil` once the queue is finished and empty, or aborted.
    package func next() async -> Element? {
        while true {
            let step: ReceiveStep = state.withLock { state in
                if state.isAborted { return .ended }
                guard !state.elements.isEmpty else { return state.isFinished ? .ended : .empty }
                return .element(state.elements.removeFirst(), wakes: state.sender.take())
            }
            switch step {
            case .ended: return nil
            case .element(let element, let sender):
                sender?.resume()
                return element
            case .empty:
                await wait(\.receiver) { $0.elements.isEmpty && !$0.isFinished && !$0.isAborted }
            }
        }
    }

    /// No more is taken; what is held can still be received.
    package func finish() { end { $0.isFinished = true } }

    /// Ends both sides at once.
    package func abort() { end { $0.isAborted = true } }

    private func end(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            return [state.sender.take(), state.receiver.take()]
        }
        for continuation in waiting { continuation?.resume() }
    }

    private func wait(
        _ side: WritableKeyPath<State, Waiter?> & Sendable, while isBlocked: (State) -> Bool
    ) async {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                guard isBlocked(state) else { return true }
                precondition(state[keyPath: side] == nil, "two tasks at one side of the queue")
                state[keyPath: side] = continuation
                return false
            }
            if goesOn { continuation.resume() }
        }
    }
}

extension BoundedQueue: AsyncSequence {
    package struct AsyncIterator: AsyncIteratorProtocol {
        let queue: BoundedQueue
        package mutating func next() async -> Element? { await queue.next() }
        package mutating func next(isolation actor: isolated (any Actor)?) async -> Element? { await queue.next() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: self) }
}
