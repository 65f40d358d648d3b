import Synchronization
import TelemetryIO

/// Hands values from one task to another and contains at most `capacity` of them: a task that sends into a full channel
/// waits. Between a source and a publisher, for example, it lets reading continue while the queue is away, until the
/// channel is full.
///
///     let batches = BoundedChannel<MetricBatch>(capacity: 16)
///     // One task:
///     defer { batches.finish() }
///     while let batch = try await source.next() { await batches.send(batch) }
///     // Another one:
///     for await batch in batches { try await publish(batch) }
///
/// Values arrive in the order in which they were sent. Cancellation does not end a wait, so that a cancelled task can
/// still hand over what it has; ``abort()`` does. Safe to use from any task or thread.
public final class BoundedChannel<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var isFinished = false
        var isAborted = false
        var senders = Waiters()
        var receivers = Waiters()

        func isFull(_ capacity: Int) -> Bool { elements.count >= capacity && !isFinished && !isAborted }

        mutating func send(_ element: Element, _ capacity: Int) -> SendStep {
            if isFinished || isAborted { return .refused }
            guard elements.count < capacity else { return .full }
            elements.append(element)
            return .sent(wakes: receivers.takeFirst())
        }

        mutating func receive() -> ReceiveStep {
            if isAborted { return .ended }
            guard !elements.isEmpty else { return isFinished ? .ended : .empty }
            return .element(elements.removeFirst(), wakes: senders.takeFirst())
        }
    }

    private enum SendStep { case sent(wakes: Waiters.Woken), refused, full }
    private enum ReceiveStep { case element(Element, wakes: Waiters.Woken), ended, empty }

    private let capacity: Int
    private let state = Mutex(State())

    /// Creates an empty channel.
    ///
    /// - Parameter capacity: the maximum number of values in it, at least 1.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
    }

    /// The number of values that were sent and not yet received.
    public var count: Int { state.withLock { $0.elements.count } }

    /// Whether a task waits for space.
    public var isSenderWaiting: Bool { state.withLock { !$0.senders.isEmpty } }

    /// Sends a value, and waits for space if there is none. Returns `false` if the channel was finished or aborted and
    /// the value is not in it.
    ///
    /// - Parameters:
    ///   - element: the value.
    ///   - period: how often `whileWaiting` is called. Default: once an hour.
    ///   - whileWaiting: called at the beginning of a wait and every `period`. Default: does nothing.
    @discardableResult
    public nonisolated(nonsending) func send(
        _ element: Element, every period: Duration = .seconds(3600), whileWaiting: () -> Void = {}
    ) async -> Bool {
        while true {
            switch state.withLock({ $0.send(element, capacity) }) {
            case .refused: return false
            case .sent(let receiver):
                receiver.resume()
                return true
            case .full:
                whileWaiting()
                let timer = Task { [self] in
                    guard (try? await Task.sleep(for: period)) != nil else { return }
                    // At worst this wakes a later wait, which checks the state and waits again.
                    state.withLock { $0.senders.takeAll() }.resume()
                }
                await state.waitThroughCancellation(\.senders) { [capacity] in $0.isFull(capacity) }
                timer.cancel()
            }
        }
    }

    /// Returns the oldest value, and waits for one if there is none; `nil` once the channel is finished and empty, or
    /// aborted.
    public func next() async -> Element? {
        while true {
            switch state.withLock({ $0.receive() }) {
            case .ended: return nil
            case .element(let element, let sender):
                sender.resume()
                return element
            case .empty:
                await state.waitThroughCancellation(\.receivers) {
                    $0.elements.isEmpty && !$0.isFinished && !$0.isAborted
                }
            }
        }
    }

    /// Refuses further values. Those in the channel can still be received.
    public func finish() { end { $0.isFinished = true } }

    /// Ends both sides at once. The values in the channel are dropped.
    public func abort() { end { $0.isAborted = true } }

    private func end(_ change: (inout State) -> Void) {
        let (senders, receivers) = state.withLock { state in
            change(&state)
            return (state.senders.takeAll(), state.receivers.takeAll())
        }
        senders.resume()
        receivers.resume()
    }
}

extension BoundedChannel: AsyncSequence {
    public struct AsyncIterator: AsyncIteratorProtocol {
        let channel: BoundedChannel

        public mutating func next() async -> Element? { await channel.next() }
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? { await channel.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(channel: self) }
}
