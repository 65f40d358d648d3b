import CLinux
import Glibc
import Synchronization
import TelemetryBase

/// What a descriptor is ready for, or is watched for.
package struct EventSet: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let readable = EventSet(rawValue: EPOLLIN.rawValue)
    package static let writable = EventSet(rawValue: EPOLLOUT.rawValue)
    /// The peer has closed both directions, or its own writing side; reported if ``readable`` is watched.
    package static let hangup = EventSet(rawValue: EPOLLHUP.rawValue | EPOLLRDHUP.rawValue)
    /// Always reported.
    package static let error = EventSet(rawValue: EPOLLERR.rawValue)
}

/// The owner of a descriptor that an event loop watches.
package protocol EventHandler: AnyObject {
    /// Called on the loop's thread.
    func ready(_ events: EventSet)
}

package struct TimerID: Hashable, Sendable {
    fileprivate let value: UInt64
}

/// One thread with one epoll: it owns the descriptors and the objects that are used on it.
///
/// `execute` may be called from any thread; everything else only from the loop's own thread, which debug builds check.
/// As a task executor it runs async functions on the loop, so that they may use what the loop owns.
package final class EventLoop: TaskExecutor, SerialExecutor, Sendable {
    package let name: String
    private let epoll: Int32
    private let wakeup: Int32
    private let mailbox = Mutex(Mailbox())
    /// The loop's thread while it runs, otherwise 0.
    private let thread = Atomic<pthread_t>(0)
    /// Accessed on the loop's thread only: ``assertOnLoop()`` comes before every access.
    private let owned = LoopOwned()

    private struct Mailbox {
        var work: [@Sendable () -> Void] = []
        var jobs: [UnownedJob] = []
        var isWoken = false
        var isStopping = false
        var hasEnded = false
    }

    // Sound because the one reference to it is private to the loop, which uses it on its own thread only.
    private final class LoopOwned: @unchecked Sendable {
        var handlers: [Int32: any EventHandler] = [:]
        var timers = TimerHeap()
        var now = ContinuousClock.now
    }

    private init(name: String) throws {
        self.name = name
        epoll = epoll_create1(Int32(bitPattern: UInt32(EPOLL_CLOEXEC)))
        guard epoll >= 0 else { throw SystemError("epoll_create", on: name) }
        wakeup = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        // The object is complete at this point, so its deinitializer closes its descriptors.
        guard wakeup >= 0 else { throw SystemError("eventfd", on: name) }
        var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(fd: wakeup))
        epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event)
    }

    /// Creates a loop and starts its thread, which runs until ``stop()``.
    package static func start(name: String) throws -> EventLoop {
        let loop = try EventLoop(name: name)
        try startThread(name: name) { loop.run() }
        return loop
    }

    deinit {
        Socket.close(epoll)
        Socket.close(wakeup)
    }

    // MARK: From any thread

    package var isOnLoop: Bool {
        thread.load(ordering: .relaxed) == pthread_self()
    }

    package func assertOnLoop() {
        assert(isOnLoop, "must be called on the thread of event loop \(name)")
    }

    /// Runs the work on the loop's thread, in the order of the calls. Returns `false` if the loop has ended: then the
    /// work is dropped, and the caller must notify whoever waits for it.
    @discardableResult
    package func execute(_ work: @escaping @Sendable () -> Void) -> Bool {
        post { $0.work.append(work) }
    }

    /// Ends the thread after the work that was submitted before.
    package func stop() {
        _ = post { $0.isStopping = true }
    }

    private func post(_ change: (inout sending Mailbox) -> Void) -> Bool {
        let mustWake: Bool? = mailbox.withLock { box in
            // Work submitted after the end would retain the loop, and be retained by it, for ever.
            if box.hasEnded { return nil }
            change(&box)
            defer { box.isWoken = true }
            return !box.isWoken
        }
        guard let mustWake else { return false }
        // The loop itself checks its mailbox before it waits.
        guard mustWake, !isOnLoop else { return true }
        var one: UInt64 = 1
        _ = Glibc.write(wakeup, &one, 8)
        return true
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        // A task that prefers an ended loop continues elsewhere: if it were dropped, its result would be awaited for
        // ever.
        if !post({ $0.jobs.append(unowned) }) { globalConcurrentExecutor.enqueue(unowned) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    package func checkIsolated() {
        precondition(isOnLoop, "must be called on the thread of event loop \(name)")
    }

    /// Runs the work on the loop and waits for its result.
    package func perform<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            if !execute({ continuation.resume(with: Result { try work() }) }) {
                continuation.resume(throwing: ThreadEnded(name: name))
            }
        }
    }

    /// Runs work on the loop that completes later, and waits until it calls `done`, which it must do exactly once.
    /// Returns at once if the loop has ended.
    package func performUntilDone(_ work: @escaping @Sendable (_ done: @escaping @Sendable () -> Void) -> Void) async {
        await withCheckedContinuation { continuation in
            if !execute({ work { continuation.resume() } }) { continuation.resume() }
        }
    }

    // MARK: On the loop

    /// The time when the loop's current round began: cheap, and accurate enough for timeouts.
    package var now: ContinuousClock.Instant {
        assertOnLoop()
        return owned.now
    }

    /// Watches a descriptor, level-triggered. The loop retains the handler until ``deregister(_:)``.
    package func register(_ fd: Int32, events: EventSet, handler: any EventHandler) throws {
        assertOnLoop()
        var event = epoll_event(events: mask(events), data: epoll_data_t(fd: fd))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 else {
            throw SystemError("epoll_ctl", on: "descriptor \(fd)")
        }
        owned.handlers[fd] = handler
    }

    package func modify(_ fd: Int32, events: EventSet) {
        assertOnLoop()
        var event = epoll_event(events: mask(events), data: epoll_data_t(fd: fd))
        let result = epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event)
        precondition(result == 0, "descriptor \(fd) is not registered with event loop \(name)")
    }

    /// Stops watching a descriptor. Must be called before the descriptor is closed.
    package func deregister(_ fd: Int32) {
        assertOnLoop()
        guard owned.handlers.removeValue(forKey: fd) != nil else { return }
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nil)
    }

    private func mask(_ events: EventSet) -> UInt32 {
        events.contains(.readable) ? events.rawValue | EPOLLRDHUP.rawValue : events.rawValue
    }

    /// Runs the work once, not earlier than `delay` from now.
    @discardableResult
    package func schedule(after delay: Duration, _ work: @escaping () -> Void) -> TimerID {
        assertOnLoop()
        return TimerID(value: owned.timers.insert(at: ContinuousClock.now + delay.boundedWait, work))
    }

    package func cancel(_ timer: TimerID) {
        assertOnLoop()
        owned.timers.remove(timer.value)
    }

    private func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        let capacity = 256
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: capacity)
        defer { events.deallocate() }
        while true {
            let count = epoll_wait(epoll, events, Int32(capacity), waitMilliseconds())
            if count < 0 {
                precondition(errno == EINTR, "epoll_wait of event loop \(name): \(String(cString: strerror(errno)))")
                continue
            }
            owned.now = ContinuousClock.now
            for i in 0..<Int(count) {
                let fd = events[i].data.fd
                guard fd != wakeup else {
                    var sum: UInt64 = 0
                    _ = Glibc.read(wakeup, &sum, 8)
                    continue
                }
                // The handler is gone if an earlier handler of this round deregistered it. If the descriptor was closed
                // and its number reused within the round, the new owner receives one event too many, which non-blocking
                // calls tolerate.
                owned.handlers[fd]?.ready(EventSet(rawValue: events[i].events))
            }
            while let work = owned.timers.popDue(owned.now) { work() }
            if drainMailbox() { break }
        }
        thread.store(0, ordering: .relaxed)
        owned.handlers.removeAll()
        owned.timers = TimerHeap()
        let late = mailbox.withLock { box in
            box.hasEnded = true
            defer { (box.work, box.jobs) = ([], []) }
            return (work: box.work, jobs: box.jobs)
        }
        for job in late.jobs { globalConcurrentExecutor.enqueue(job) }
    }

    private func waitMilliseconds() -> Int32 {
        if mailbox.withLock({ !$0.work.isEmpty || !$0.jobs.isEmpty || $0.isStopping }) { return 0 }
        guard let next = owned.timers.nextDeadline else { return -1 }
        let left = ContinuousClock.now.duration(to: next)
        guard left > .zero else { return 0 }
        return Int32(clamping: (left + .nanoseconds(999_999)).wholeMilliseconds)
    }

    /// Returns whether the loop should end.
    private func drainMailbox() -> Bool {
        let (work, jobs, isStopping) = mailbox.withLock { box in
            let taken = (box.work, box.jobs, box.isStopping)
            box.work = []
            box.jobs = []
            box.isWoken = false
            return taken
        }
        for item in work { item() }
        for job in jobs {
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
        return isStopping
    }
}
