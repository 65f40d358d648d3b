import Glibc

/// Runs what is async on the thread that calls, so that a target that waits for a server takes no thread of the pool from others.
final class CallingThread: TaskExecutor, @unchecked Sendable {
    // What is ready, and what waits for it, belong to the lock.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var ready: [UnownedJob] = []
    private var isOver = false

    private init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        change { $0.ready.append(job) }
    }

    private func change(_ body: (CallingThread) -> Void) {
        pthread_mutex_lock(lock)
        body(self)
        pthread_cond_signal(changed)
        pthread_mutex_unlock(lock)
    }

    private func next() -> UnownedJob? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while ready.isEmpty {
            if isOver { return nil }
            pthread_cond_wait(changed, lock)
        }
        return ready.removeFirst()
    }

    static func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let executor = CallingThread()
        nonisolated(unsafe) var value: Value?
        Task(executorPreference: executor) {
            value = await body()
            executor.change { $0.isOver = true }
        }
        while let job = executor.next() { job.runSynchronously(on: executor.asUnownedTaskExecutor()) }
        return value!
    }
}
