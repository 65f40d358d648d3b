import Synchronization

/// Reads batches from a queue and writes them to a store; commits only what is stored.
///
///     let collector = Collector(store: store) { event in log(event) }
///     try await collector.run(messages) { offset in try await subscription.commit(offset) }
///
/// Samples are written in groups: when there are enough of them, or when the first has waited long enough. While the store is away the
/// group is written again and again and nothing more is read, so the queue holds what comes. Every sample reaches the store at least once; a second
/// time changes nothing, since a store identifies samples.
///
/// Safe to use from any task; ``run(_:commit:)`` is called once.
public final class Collector<Store: TelemetryStore>: Sendable {
    public struct Configuration: Sendable {
        /// Samples that are written together, about.
        public var groupSize = 10_000
        /// How long a sample waits for others at most.
        public var flushInterval = Duration.seconds(1)
        /// The GPUs to write; `nil`: all.
        public var shard: Shard?
        public var backoff = Backoff()
        /// The wait where the store refuses the credentials, which only a person can mend.
        public var unauthorizedWait = Duration.seconds(30)

        public init() {}
    }

    private let store: Store
    private let configuration: Configuration
    private let clock: PipelineClock
    private let report: @Sendable (CollectorEvent) -> Void
    private let mailbox: GroupMailbox
    private let state = Mutex(CollectorCounters())

    public init(
        store: Store, configuration: Configuration = Configuration(), clock: PipelineClock = .system,
        report: @escaping @Sendable (CollectorEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.configuration = configuration
        self.clock = clock
        self.report = report
        mailbox = GroupMailbox(size: configuration.groupSize, interval: configuration.flushInterval, clock: clock)
    }

    public var counters: CollectorCounters { state.withLock { $0 } }

    /// Samples that were read and are not yet on their way to the store.
    public var pendingSamples: Int { mailbox.sampleCount }

    /// Returns when the messages end and all is stored. Throws what the sequence of messages throws, after storing what came before.
    ///
    /// Where the task is cancelled, it tries once to store what it holds. What is not stored is not committed.
    ///
    /// - Parameter commit: is called with the offset of the last message that is stored, as is everything before it.
    public func run<Messages: AsyncSequence>(
        _ messages: Messages, commit: @escaping @Sendable (Int64) async throws -> Void = { _ in }
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
                await mailbox.add(batch, offset: message.offset)
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
            state.withLock { counters in
                counters.messages += 1
                counters.samplesRead += whole.count
                counters.samplesOfOtherShards += whole.count - batch.count
            }
            return batch
        } catch {
            state.withLock { counters in
                counters.messages += 1
                counters.undecodableMessages += 1
            }
            report(.undecodable(offset: message.offset, error))
            return nil
        }
    }

    // MARK: - Writing

    private func writeGroups(_ commit: @Sendable (Int64) async throws -> Void) async {
        while let group = await mailbox.next() {
            guard await write(group.batches[...]), let offset = group.lastOffset else { return mailbox.end() }
            state.withLock { $0.lastStoredOffset = offset }
            do {
                try await commit(offset)
            } catch {
                state.withLock { $0.commitsFailed += 1 }
                report(.commitFailed(offset: offset, error))
            }
        }
    }

    /// Writes until the store has accepted or refused every batch. `false`: cancelled before that.
    private func write(_ batches: ArraySlice<MetricBatch>) async -> Bool {
        guard !batches.isEmpty else { return true }
        var backoff = configuration.backoff
        while true {
            let failure: StoreError
            do {
                try await store.write(Array(batches))
                stored(batches, attempts: backoff.attempt)
                return true
            } catch let error as StoreError {
                failure = error
            } catch {
                failure = StoreError(.unavailable, "\(error)")
            }
            if failure.kind == .rejected { return await refused(batches, failure) }
            if Task.isCancelled { return false }
            var random = SystemRandomNumberGenerator()
            let least = failure.kind == .unauthorized ? configuration.unauthorizedWait : nil
            let wait = backoff.next(atLeast: failure.retryAfter ?? least, using: &random)
            state.withLock { counters in
                counters.retries += 1
                counters.isStoreAvailable = false
            }
            report(.storeUnavailable(failure, attempt: backoff.attempt, wait: wait))
            guard (try? await clock.sleep(wait)) != nil else { return false }
        }
    }

    private func stored(_ batches: ArraySlice<MetricBatch>, attempts: Int) {
        var digest = SampleDigest()
        for batch in batches { digest.add(SampleDigest(batch)) }
        state.withLock { counters in
            counters.samplesStored += digest.count
            counters.digest.add(digest)
            counters.writes += 1
            counters.isStoreAvailable = true
        }
        if attempts > 0 { report(.storeRecovered(afterAttempts: attempts)) }
    }

    /// The store refuses the group: by halves the batch is found that it means, and the others are stored.
    private func refused(_ batches: ArraySlice<MetricBatch>, _ failure: StoreError) async -> Bool {
        guard batches.count > 1 else {
            let batch = batches.first!
            state.withLock { counters in
                counters.batchesRejected += 1
                counters.samplesRejected += batch.count
                counters.isStoreAvailable = true
            }
            report(.rejected(batch, failure))
            return true
        }
        let middle = batches.startIndex + batches.count / 2
        guard await write(batches[..<middle]) else { return false }
        return await write(batches[middle...])
    }
}
