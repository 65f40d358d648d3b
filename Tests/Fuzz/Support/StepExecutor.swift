/// Runs tasks on the calling thread, one step after the other. Which of the tasks that are ready takes the next step is drawn by a seed: an
/// input that names the seed makes the same schedule again.
final class StepExecutor: TaskExecutor, @unchecked Sendable {
    // Used by one thread: whatever enqueues runs as a step itself.
    private var ready: [UnownedJob] = []
    private var state: UInt64

    private init(seed: UInt64) { state = seed }

    func enqueue(_ job: consuming ExecutorJob) { ready.append(UnownedJob(job)) }

    static func run<Value: Sendable>(seed: UInt64, _ body: @escaping @Sendable () async -> Value) -> Value {
        let executor = StepExecutor(seed: seed)
        nonisolated(unsafe) var value: Value?
        Task(executorPreference: executor) { value = await body() }
        while !executor.ready.isEmpty {
            executor.ready.remove(at: executor.draw()).runSynchronously(on: executor.asUnownedTaskExecutor())
        }
        return value!
    }

    private func draw() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % ready.count
    }
}
