import Synchronization
import TelemetryMQClient
import TelemetryPipeline
import TelemetryStores

/// How far the database is behind the queue, asked for now and then.
final class Lag<Store: TelemetryStore>: Sendable {
    private let client: MQClient
    private let collector: Collector<Store>
    private let newest = Mutex<LogPosition?>(nil)

    init(_ client: MQClient, _ collector: Collector<Store>) {
        self.client = client
        self.collector = collector
    }

    /// `nil` before the queue has told its newest message, or before anything is stored.
    var messages: Int64? {
        guard let newest = newest.withLock({ $0 }), let stored = collector.counters.lastStored else { return nil }
        return newest.messages(after: LogPosition(offset: stored.offset, log: stored.log))
    }

    /// Until the task is cancelled.
    func run() async {
        repeat {
            // While the queue is away, what it said last stands.
            if let position = try? await client.newestPosition() { newest.withLock { $0 = position } }
        } while (try? await Task.sleep(for: .seconds(5))) != nil
    }
}
