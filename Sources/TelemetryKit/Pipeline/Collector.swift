import Synchronization
import TelemetryBase
import TelemetryIO
import TelemetryModels
import TelemetryStores

/// Reads batches from a queue and writes them to a store; commits only what is stored.
///
///     let collector = Collector(store: store) { event in log(event) }
///     try await collector.run(messages) { position in try await subscription.commit(through: position.offset) }
///
/// Samples are written in groups: when there are enough of them, or when the first has waited long enough; a few groups
/// at the same time. While the store is unavailable the writes are repeated and nothing more is read, so new messages
/// stay in the queue. Every sample reaches the store at least once; writing it twice changes nothing, because a store
/// identifies samples. Samples that the store refuses permanently go to ``Configuration/deadLetters``.
///
/// Safe to use from any task; ``run(_:commit:)`` is called once.
public final class Collector<Store: TelemetryStore>: Sendable {
    /// The options of a collector.
    public struct Configuration: Sendable {
        /// The approximate number of samples per write. Default: 10,000.
        public var groupSize = 10_000
        /// The approximate size in bytes of the messages per write. Default: 4 MiB.
        public var groupBytes = 4 << 20
        /// The maximum time for which a sample waits for others. Default: 1 s.
        public var flushInterval = Duration.seconds(1)
        /// The maximum number of groups that are written at the same time. With more than one, two messages that give
        /// one sample different values may be stored in either order. Default: 4.
        public var writesAtOnce = 4
        /// The GPUs to write; `nil` for all. Default: `nil`.
        public var shard: Shard?
        /// The waits between attempts while the store is unavailable. Default: `Backoff()`.
        public var backoff = Backoff()
        /// The wait if the store refuses the credentials or the call, which an operator must fix. Default: 30 s.
        public var refusedWait = Duration.seconds(30)
        /// Stores the samples that the store refuses permanently. Returns when they are stored: the position is
        /// committed after that. If it throws, it is called again. `nil`: refused samples are dropped. Default: `nil`.
        public var deadLetters: (@Sendable ([RefusedSamples]) throws -> Void)?
        /// Called with batches when the store has accepted them; it must not block. Default: `nil`.
        public var onStored: (@Sendable ([MetricBatch]) -> Void)?

        /// Creates a configuration with the default values.
        public init() {}
    }

    private struct State {
        var counters = CollectorCounters()
        var window: CollectorWindow
        var retries: CollectorRetries
        /// The reader's wait for space in the window.
        var dispatcher = Waiters()
        /// A group was abandoned: no other begins.
        var hasStopped = false
        var committed: CollectorPosition?
        var isCommitting = false
    }

    private let store: Store
    private let configuration: Configuration
    private let clock: PipelineClock
    private let report: @Sendable (CollectorEvent) -> Void
    private let mailbox: GroupMailbox
    private let state: Mutex<State>

    /// Creates a collector, which reads and writes nothing until ``run(_:commit:)``. `report` is called from any task
    /// and must not block.
    public init(
        store: Store, configuration: Configuration = Configuration(), clock: PipelineClock = .system,
        report: @escaping @Sendable (CollectorEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.configuration = configuration
        self.clock = clock
        self.report = report
        mailbox = GroupMailbox(
            size: configuration.groupSize, bytes: configuration.groupBytes, interval: configuration.flushInterval,
            clock: clock)
        state = Mutex(
            State(
                window: CollectorWindow(limit: configuration.writesAtOnce),
                retries: CollectorRetries(configuration.backoff)))
    }

    /// The progress so far.
    public var counters: CollectorCounters { state.withLock { $0.counters } }

    /// The number of samples that were read and are not yet being written.
    public var pendingSamples: Int { mailbox.sampleCount }

    /// Returns when the messages end and all are stored. Throws the error of the sequence of messages, after storing
    /// the messages before it.
    ///
    /// If the task is cancelled, messages that are not stored by then are not committed.
    ///
    /// - Parameters:
    ///   - messages: The messages of the queue, in the order of their offsets.
    ///   - commit: Called with the position of the last message that is stored together with everything before it.
    public func run<Messages: AsyncSequence>(
        _ messages: Messages, commit: @escaping @Sendable (CollectorPosition) async throws -> Void = { _ in }
    ) async throws where Messages.Element == CollectorMessage {
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { [self] in await writeGroups(commit) }
                // The sequence stays in this task: it need not be Sendable.
                let failure = await read(messages)
                mailbox.end()
                try await tasks.waitForAll()
                if let failure { throw failure }
            }
        } onCancel: {
            mailbox.end()
        }
    }

    // MARK: - Reading

    private func read<Messages: AsyncSequence>(
        _ messages: Messages
    ) async -> (any Error)? where Messages.Element == CollectorMessage {
        var codec = BatchCodec()
        do {
            for try await message in messages {
                let batch = decode(message, &codec)
                await mailbox.add(batch, bytes: message.payload.count, position: message.position)
                if Task.isCancelled { return CancellationError() }
            }
            return nil
        } catch {
            return error
        }
    }

    private func decode(_ message: CollectorMessage, _ codec: inout BatchCodec) -> MetricBatch? {
        do throws(BatchError) {
            let whole = try codec.decode(message.payload)
            let batch = configuration.shard?.filter(whole) ?? whole
            state.withLock { state in
                state.counters.messages += 1
                state.counters.samplesRead += whole.count
                state.counters.samplesOfOtherShards += whole.count - batch.count
            }
            return batch
        } catch {
            state.withLock { state in
                state.counters.messages += 1
                state.counters.undecodableMessages += 1
            }
            report(.undecodable(offset: message.offset, error))
            return nil
        }
    }

    // MARK: - Writing

    private func writeGroups(_ commit: @escaping @Sendable (CollectorPosition) async throws -> Void) async {
        await withDiscardingTaskGroup { writes in
            while await hasRoom(), let group = await mailbox.next(), let last = group.last {
                let number = state.withLock { $0.window.begin(last: last) }
                writes.addTask { [self] in
                    if await write(group.batches) { await finish(number, commit) } else { stop() }
                }
            }
        }
    }

    /// Waits while the maximum number of groups is being written. `false` if no other may begin.
    private func hasRoom() async -> Bool {
        await state.waitThroughCancellation(\.dispatcher) { $0.window.isFull && !$0.hasStopped }
        return state.withLock { !$0.hasStopped }
    }

    private func stop() {
        mailbox.end()
        let woken = state.withLock { state in
            state.hasStopped = true
            return state.dispatcher.takeAll()
        }
        woken.resume()
    }

    private func finish(_ number: Int, _ commit: @Sendable (CollectorPosition) async throws -> Void) async {
        let (woken, commits) = state.withLock { state in
            if let last = state.window.finish(number) { state.counters.lastStored = last }
            // One task commits at a time, so that an older position never follows a newer one.
            let commits = !state.isCommitting
            state.isCommitting = true
            return (state.dispatcher.takeAll(), commits)
        }
        woken.resume()
        guard commits else { return }
        while let position = nextCommit() {
            do {
                try await commit(position)
            } catch {
                state.withLock { $0.counters.commitsFailed += 1 }
                report(.commitFailed(position, error))
            }
        }
    }

    private func nextCommit() -> CollectorPosition? {
        state.withLock { state in
            state.isCommitting = state.counters.lastStored != state.committed
            guard state.isCommitting else { return nil }
            state.committed = state.counters.lastStored
            return state.committed
        }
    }

    /// Writes until the store has accepted or refused every sample. `false` if it was cancelled before.
    private func write(_ batches: [MetricBatch]) async -> Bool {
        guard !batches.isEmpty else { return true }
        while true {
            let wait = state.withLock { $0.retries.wait(at: clock.monotonic()) }
            if wait > .zero {
                guard (try? await clock.sleep(wait)) != nil else { return false }
                continue
            }
            let failure: StoreError
            do {
                try await store.write(batches)
                stored(batches, refused: [])
                return true
            } catch let error as StoreError where !error.refused.isEmpty {
                guard await keep(error.refused) else { return false }
                stored(batches, refused: error.refused)
                return true
            } catch let error as StoreError {
                failure = error
            } catch {
                failure = StoreError(.unavailable, "\(error)")
            }
            if Task.isCancelled { return false }
            failed(failure)
        }
    }

    private func failed(_ failure: StoreError) {
        let isForPerson = failure.kind == .unauthorized || failure.kind == .rejected
        let (attempt, wait) = state.withLock { state in
            state.counters.retries += 1
            state.counters.isStoreAvailable = false
            return state.retries.fail(
                at: clock.monotonic(), atLeast: failure.retryAfter ?? (isForPerson ? configuration.refusedWait : nil))
        }
        report(.storeUnavailable(failure, attempt: attempt, wait: wait))
    }

    private func stored(_ batches: [MetricBatch], refused: [RefusedSamples]) {
        var digest = SampleDigest()
        for batch in batches { digest.add(SampleDigest(batch)) }
        for part in refused { digest.subtract(SampleDigest(part.batch)) }
        let attempts = state.withLock { state in
            state.counters.samplesStored += digest.count
            state.counters.digest.add(digest)
            state.counters.samplesRefused += refused.reduce(0) { $0 + $1.batch.count }
            state.counters.writes += 1
            state.counters.isStoreAvailable = true
            return state.retries.succeed()
        }
        if attempts > 0 { report(.storeRecovered(afterAttempts: attempts)) }
        configuration.onStored?(batches)
    }

    /// `false` if it was cancelled before the dead letters were stored.
    private func keep(_ refused: [RefusedSamples]) async -> Bool {
        var backoff = configuration.backoff
        while let deadLetters = configuration.deadLetters {
            do {
                try deadLetters(refused)
                break
            } catch {
                let wait = backoff.next()
                report(.deadLettersFailed(error, wait: wait))
                guard (try? await clock.sleep(wait)) != nil else { return false }
            }
        }
        for part in refused { report(.refused(part)) }
        return true
    }
}
