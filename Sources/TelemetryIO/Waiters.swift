import Synchronization
import TelemetryBase

/// Tasks that wait for a change of the state that this list is a member of; a `Mutex` protects the state.
///
///     struct State { var isOpen = false; var waiters = Waiters() }
///     let state = Mutex(State())
///
///     await state.wait(\.waiters) { !$0.isOpen }        // one side
///
///     let woken = state.withLock { state in             // the other one
///         state.isOpen = true
///         return state.waiters.takeAll()
///     }
///     woken.resume()
///
/// A task that is woken checks the state again, because another task may have been faster.
package struct Waiters: Sendable {
    // Sound without the runtime's checks: a continuation is resumed exactly once, by whoever removes it from the list.
    fileprivate struct Waiter: Sendable {
        var number: UInt64
        var continuation: UnsafeContinuation<Void, Never>
    }

    /// Tasks that no longer wait. They must be resumed exactly once, without holding the lock.
    package struct Woken: Sendable {
        fileprivate var first: Waiter?
        fileprivate var others: [Waiter] = []

        package func resume() {
            first?.continuation.resume()
            for waiter in others { waiter.continuation.resume() }
        }
    }

    /// The task that has waited longest. Stored separately, so that a single waiting task allocates nothing.
    private var first: Waiter?
    private var others: [Waiter] = []

    package init() {}

    package var isEmpty: Bool { first == nil }
    package var count: Int { first == nil ? 0 : others.count + 1 }

    /// Removes and returns all tasks.
    package mutating func takeAll() -> Woken {
        defer {
            first = nil
            if !others.isEmpty { others = [] }
        }
        return Woken(first: first, others: others)
    }

    /// Removes and returns the task that has waited longest.
    package mutating func takeFirst() -> Woken {
        guard let taken = first else { return Woken() }
        first = others.isEmpty ? nil : others.removeFirst()
        return Woken(first: taken)
    }

    fileprivate mutating func add(_ waiter: Waiter) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    fileprivate mutating func take(_ number: UInt64) -> Woken {
        if first?.number == number { return takeFirst() }
        guard let index = others.firstIndex(where: { $0.number == number }) else { return Woken() }
        return Woken(first: others.remove(at: index))
    }
}

/// Shared by all lists: a task needs its id before it has the lock.
private let lastWaiter = Atomic<UInt64>(0)

extension Mutex {
    /// Waits until another task removes this one from the list, or this task is cancelled. Returns at once if
    /// `isBlocked` returns `false` for the state.
    package nonisolated(nonsending) borrowing func wait(
        _ list: WritableKeyPath<Value, Waiters> & Sendable, while isBlocked: (Value) -> Bool
    ) async {
        let number = lastWaiter.add(1, ordering: .relaxed).newValue
        await withTaskCancellationHandler {
            await suspend(number, list) { isBlocked($0) && !Task.isCancelled }
        } onCancel: {
            withLock { $0[keyPath: list].take(number) }.resume()
        }
    }

    /// Like ``wait(_:while:)``, but a cancelled task continues to wait: for values that must be handed over in any
    /// case.
    package nonisolated(nonsending) borrowing func waitThroughCancellation(
        _ list: WritableKeyPath<Value, Waiters> & Sendable, while isBlocked: (Value) -> Bool
    ) async {
        await suspend(0, list, while: isBlocked)
    }

    private nonisolated(nonsending) borrowing func suspend(
        _ number: UInt64, _ list: WritableKeyPath<Value, Waiters> & Sendable, while isBlocked: (Value) -> Bool
    ) async {
        await withUnsafeContinuation { continuation in
            let waits = withLock { state in
                guard isBlocked(state) else { return false }
                state[keyPath: list].add(Waiters.Waiter(number: number, continuation: continuation))
                return true
            }
            if !waits { continuation.resume() }
        }
    }
}
