import TelemetryModels

/// Checks the contract of ``TelemetryStore`` on any adapter, including a user's own:
///
///     @Test func conformance() async throws {
///         let violations = try await StoreConformance().check { MyStore(database: try await freshDatabase()) }
///         #expect(violations.isEmpty, "\(violations)")
///     }
///
/// Every rule is checked on an empty store of its own, and every result is compared with that of the simplest possible
/// store, which computes it from a list of all samples. The check is reproducible: its random part has a seed.
public struct StoreConformance: Sendable {
    /// The limitations of the store's database.
    public var traits: StoreTraits
    /// Called after every write, for a database that shows samples with a delay. Returns when all samples are visible.
    public var settle: @Sendable () async throws -> Void
    /// Seeds; each generates another sequence of random writes and queries, on a store of its own.
    public var seeds: [UInt64]
    /// The number of writes of each sequence. About twenty queries follow each.
    public var rounds: Int
    /// The maximum number of violations reported; the rest of the check is then skipped.
    public var maxViolations: Int

    /// Makes the next write of the store fail midway, so that some of its samples are stored and others are not: a
    /// connection that is cut, a full disk. The store's `write` must then throw, or store everything. `nil`: this is
    /// not checked.
    public var failNextWrite: (@Sendable () async throws -> Void)?

    /// Creates a suite; the defaults are for a store that keeps everything and shows it at once.
    public init(
        traits: StoreTraits = StoreTraits(), seeds: [UInt64] = [1, 2], rounds: Int = 20, maxViolations: Int = 20,
        settle: @escaping @Sendable () async throws -> Void = {},
        failNextWrite: (@Sendable () async throws -> Void)? = nil
    ) {
        self.traits = traits
        self.settle = settle
        self.failNextWrite = failNextWrite
        self.seeds = seeds
        self.rounds = rounds
        self.maxViolations = maxViolations
    }

    /// Returns the violations. Throws the errors of `makeEmptyStore` and ``settle``; an error of the store is a
    /// violation.
    ///
    /// - Parameters:
    ///   - makeEmptyStore: Returns an empty store. It is called about fifteen times, and every store is closed.
    ///   - reopen: For a store that outlives the process: receives a store that was closed, and returns one that reads
    ///     the same database, like a process after a restart. `nil`: the store keeps its samples in memory only.
    public func check<Store: TelemetryStore>(
        _ makeEmptyStore: () async throws -> Store, reopen: ((Store) async throws -> Store)? = nil
    ) async throws -> [StoreViolation] {
        var violations: [StoreViolation] = []
        var chapters: [(inout StoreExamination) async throws -> Void] = [
            Self.emptyStore, Self.valuesAndTexts, Self.hostileTexts, Self.likeTexts, Self.secondWrites, Self.outOfOrder,
            Self.pages, Self.stablePages, Self.filters,
            Self.lists, Self.aggregates, Self.concurrency,
        ]
        if let failNextWrite { chapters.append { try await Self.failedWrite(&$0, failNextWrite) } }
        for seed in seeds {
            chapters.append { [rounds] in try await Self.randomWrites(&$0, seed: seed, rounds: rounds) }
        }
        for chapter in chapters where violations.count < maxViolations {
            let store = try await makeEmptyStore()
            violations += try await examine(store, room: maxViolations - violations.count, chapter)
            await store.close()
        }
        if let reopen, violations.count < maxViolations {
            violations += try await checkReopening(makeEmptyStore, reopen, room: maxViolations - violations.count)
        }
        return violations
    }

    /// Writes, closes, reopens and queries, twice.
    private func checkReopening<Store: TelemetryStore>(
        _ makeEmptyStore: () async throws -> Store, _ reopen: (Store) async throws -> Store, room: Int
    ) async throws -> [StoreViolation] {
        var store = try await makeEmptyStore()
        var examination = StoreExamination(store: store, traits: traits, settle: settle, room: room)
        do {
            for part in 0..<2 {
                try await Self.writePart(part, &examination)
                await store.close()
                store = try await reopen(store)
                examination.store = store
                examination.context = "the store was closed and opened again"
                try await examination.askEverything()
            }
        } catch is StoreExamination.Enough {}
        await store.close()
        return examination.violations
    }

    /// Writes the batches to the empty store and compares every kind of query result: for data of your own. The store
    /// stays open.
    public func check(_ emptyStore: some TelemetryStore, holding batches: [MetricBatch]) async throws
        -> [StoreViolation]
    {
        try await examine(emptyStore, room: maxViolations) { examination in
            examination.context = "\(batches.count) batches of the caller's"
            try await examination.write(batches)
            try await examination.askEverything()
            try await examination.write(batches)
            examination.context += ", written twice"
            try await examination.askEverything()
        }
    }

    private func examine(
        _ store: some TelemetryStore, room: Int, _ chapter: (inout StoreExamination) async throws -> Void
    ) async throws -> [StoreViolation] {
        var examination = StoreExamination(store: store, traits: traits, settle: settle, room: room)
        do {
            try await chapter(&examination)
        } catch is StoreExamination.Enough {}
        return examination.violations
    }
}
