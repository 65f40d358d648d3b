import Synchronization
import TelemetryModels

/// Hands new samples to whoever listens: a writer to a store publishes what it has written, and each client of the gateway's stream
/// has a subscription with a filter and a bound.
///
/// A client that does not keep up costs no more memory than its bound: what waits for it is thrown away and it is told so. Publishing
/// never waits, and costs nothing while nobody listens. Safe to use from any task.
public final class LiveSamples: Sendable {
    /// Bounds and times. Every member has a default.
    public struct Configuration: Sendable {
        /// How long samples are gathered into one event. Default: 250 ms.
        public var interval = Duration.milliseconds(250)
        /// After so long without samples a client is sent a comment, so that both ends see that the other is there.
        /// Default: 15 s.
        public var heartbeat = Duration.seconds(15)
        /// Samples that may wait for one client; more, and it is dropped. Default: 100,000.
        public var maxPending = 100_000
        /// Clients at one time; a further one is refused. Default: 256.
        public var maxSubscribers = 256

        /// The defaults.
        public init() {}
    }

    /// What it was made with.
    public let configuration: Configuration

    private struct State {
        var subscriptions: [Int: LiveSubscription] = [:]
        var nextNumber = 0
        var dropped = 0
        var samples = 0
        var problem: String?
        var hasEnded = false
    }

    private let state = Mutex(State())
    /// So that publishing need not take the lock while nobody listens.
    private let count = Atomic(0)

    /// Nobody listens yet.
    public init(configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// The clients that listen now.
    public var subscriberCount: Int { count.load(ordering: .relaxed) }
    /// Clients that were too slow, so far.
    public var droppedCount: Int { state.withLock { $0.dropped } }
    /// Samples that were handed to clients, so far; what went to several counts for each.
    public var sampleCount: Int { state.withLock { $0.samples } }

    /// Why no samples come at this time, where that is known: new clients are refused with these words. `nil`: they come.
    public var problem: String? {
        get { state.withLock { $0.problem } }
        set { state.withLock { $0.problem = newValue } }
    }

    /// Gives the samples to all who listen for them.
    public func publish(_ batches: [MetricBatch]) {
        guard count.load(ordering: .acquiring) > 0 else { return }
        for subscription in state.withLock({ Array($0.subscriptions.values) }) {
            let added = subscription.add(batches)
            state.withLock { state in
                state.samples += added ?? 0
                guard added == nil, state.subscriptions.removeValue(forKey: subscription.number) != nil else { return }
                state.dropped += 1
                count.subtract(1, ordering: .relaxed)
            }
        }
    }

    /// Ends all subscriptions, telling each the reason.
    public func end(reason: String) {
        let ended = state.withLock { state in
            state.hasEnded = true
            count.subtract(state.subscriptions.count, ordering: .relaxed)
            defer { state.subscriptions = [:] }
            return Array(state.subscriptions.values)
        }
        for subscription in ended { subscription.end(reason: reason) }
    }

    /// `nil` where there are as many as may be. Whoever has a subscription gives it back.
    func subscribe(_ filter: SampleFilter) -> LiveSubscription? {
        state.withLock { state in
            guard !state.hasEnded, state.subscriptions.count < configuration.maxSubscribers else { return nil }
            let subscription = LiveSubscription(number: state.nextNumber, filter: filter, bound: configuration.maxPending)
            state.nextNumber += 1
            state.subscriptions[subscription.number] = subscription
            count.add(1, ordering: .releasing)
            return subscription
        }
    }

    func unsubscribe(_ subscription: LiveSubscription) {
        state.withLock { state in
            if state.subscriptions.removeValue(forKey: subscription.number) != nil { count.subtract(1, ordering: .relaxed) }
        }
    }
}

/// The samples that wait for one client.
final class LiveSubscription: Sendable {
    private struct State {
        var pending: [GPUMetric] = []
        var endReason: String?
    }

    let number: Int
    private let filter: SampleFilter
    private let bound: Int
    private let state = Mutex(State())

    init(number: Int, filter: SampleFilter, bound: Int) {
        self.number = number
        self.filter = filter
        self.bound = bound
    }

    /// How many were meant; `nil` where more would wait than may: then none do any more.
    func add(_ batches: [MetricBatch]) -> Int? {
        state.withLock { state in
            guard state.endReason == nil else { return 0 }
            var added = 0
            for batch in batches {
                let isMeant = batch.series.map(filter.includes)
                guard isMeant.contains(true) else { continue }
                for sample in 0..<batch.count where isMeant[Int(batch.seriesIndices[sample])] && batch.values[sample].isFinite {
                    guard state.pending.count < bound else {
                        state = State(endReason: "too slow: more than \(bound) samples waited")
                        return nil
                    }
                    state.pending.append(batch.metrics[sample])
                    added += 1
                }
            }
            return added
        }
    }

    func end(reason: String) { state.withLock { $0.endReason = $0.endReason ?? reason } }

    /// What waits, and why nothing will come any more, where that is so.
    func take() -> (samples: [GPUMetric], endReason: String?) {
        state.withLock { state in
            defer { state.pending = [] }
            return (state.pending, state.endReason)
        }
    }
}
