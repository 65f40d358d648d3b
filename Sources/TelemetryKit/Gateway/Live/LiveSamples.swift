import Synchronization
import TelemetryModels

/// Delivers new samples to subscribers: a writer to a store publishes the samples it has written, and each client of
/// the gateway's stream has a subscription with a filter and a limit.
///
/// A client that does not keep up uses no more memory than its limit: its pending samples are dropped and it receives
/// an error. Publishing never waits, and costs nothing without subscribers. Safe to use from any task.
public final class LiveSamples: Sendable {
    /// Limits and times.
    public struct Configuration: Sendable {
        /// The time for which samples are collected into one event. Default: 250 ms.
        public var interval = Duration.milliseconds(250)
        /// The time without samples after which a client receives a comment, so that both ends can detect a lost
        /// connection. Default: 15 s.
        public var heartbeat = Duration.seconds(15)
        /// The maximum number of pending samples per client; a client beyond it is disconnected. Default: 100,000.
        public var maxPending = 100_000
        /// The maximum number of clients; further ones are refused. Default: 256.
        public var maxSubscribers = 256

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// The configuration that it was created with.
    public let configuration: Configuration

    private struct State {
        var subscriptions: [Int: LiveSubscription] = [:]
        var nextID = 0
        var dropped = 0
        var samples = 0
        var problem: String?
        var hasEnded = false
    }

    private let state = Mutex(State())
    /// Avoids taking the lock while there are no subscribers.
    private let count = Atomic(0)

    /// Creates a publisher without subscribers.
    public init(configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// The number of present subscribers.
    public var subscriberCount: Int { count.load(ordering: .relaxed) }
    /// The number of clients that were too slow so far.
    public var droppedCount: Int { state.withLock { $0.dropped } }
    /// The number of samples delivered to clients so far; a sample delivered to several counts for each.
    public var sampleCount: Int { state.withLock { $0.samples } }

    /// The reason why there are no samples at present, if it is known: new clients are refused with this text. `nil` if
    /// there are samples.
    public var problem: String? {
        get { state.withLock { $0.problem } }
        set { state.withLock { $0.problem = newValue } }
    }

    /// Delivers the samples to all subscribers whose filter includes them.
    public func publish(_ batches: [MetricBatch]) {
        guard count.load(ordering: .acquiring) > 0 else { return }
        for subscription in state.withLock({ Array($0.subscriptions.values) }) {
            let added = subscription.add(batches)
            state.withLock { state in
                state.samples += added ?? 0
                guard added == nil, state.subscriptions.removeValue(forKey: subscription.id) != nil else { return }
                state.dropped += 1
                count.subtract(1, ordering: .relaxed)
            }
        }
    }

    /// Ends all subscriptions with the reason.
    public func end(reason: String) {
        let ended = state.withLock { state in
            state.hasEnded = true
            count.subtract(state.subscriptions.count, ordering: .relaxed)
            defer { state.subscriptions = [:] }
            return Array(state.subscriptions.values)
        }
        for subscription in ended { subscription.end(reason: reason) }
    }

    /// `nil` if the maximum number is reached. The holder of a subscription must return it.
    func subscribe(_ filter: SampleFilter) -> LiveSubscription? {
        state.withLock { state in
            guard !state.hasEnded, state.subscriptions.count < configuration.maxSubscribers else { return nil }
            let subscription = LiveSubscription(
                id: state.nextID, filter: filter, bound: configuration.maxPending)
            state.nextID += 1
            state.subscriptions[subscription.id] = subscription
            count.add(1, ordering: .releasing)
            return subscription
        }
    }

    func unsubscribe(_ subscription: LiveSubscription) {
        state.withLock { state in
            if state.subscriptions.removeValue(forKey: subscription.id) != nil {
                count.subtract(1, ordering: .relaxed)
            }
        }
    }
}

/// The pending samples of one client.
final class LiveSubscription: Sendable {
    private struct State {
        var pending: [GPUMetric] = []
        var endReason: String?
    }

    let id: Int
    private let filter: SampleFilter
    private let bound: Int
    private let state = Mutex(State())

    init(id: Int, filter: SampleFilter, bound: Int) {
        self.id = id
        self.filter = filter
        self.bound = bound
    }

    /// Returns the number of samples added; `nil` if there would be more pending samples than allowed, which drops all.
    func add(_ batches: [MetricBatch]) -> Int? {
        state.withLock { state in
            guard state.endReason == nil else { return 0 }
            var added = 0
            for batch in batches {
                let isIncluded = batch.series.map(filter.includes)
                guard isIncluded.contains(true) else { continue }
                for sample in 0..<batch.count
                where isIncluded[Int(batch.seriesIndices[sample])] && batch.values[sample].isFinite {
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

    /// The pending samples, and the reason why no more will follow, if that is the case.
    func take() -> (samples: [GPUMetric], endReason: String?) {
        state.withLock { state in
            defer { state.pending = [] }
            return (state.pending, state.endReason)
        }
    }
}
