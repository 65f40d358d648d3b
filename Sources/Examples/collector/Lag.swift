import Synchronization
import TelemetryKit
import TelemetryMQ

/// How far the database is behind the queue, asked for now and then.
final class Lag<Store: TelemetryStore>: Sendable {
    private let client: MQClient
    private let collector: Collector<Store>
    private let newest = Mutex<Int64?>(nil)

    init(_ client: MQClient, _ collector: Collector<Store>) {
        self.client = client
        self.collector = collector
    }

    /// `nil` before the queue has told its newest message, or before anything is stored.
    var messages: Int64? {
        guard let newest = newest.withLock({ $0 }), let stored = collector.counters.lastStoredOffset else { return nil }
        return max(0, newest - stored)
    }

    /// Until the task is cancelled.
    func run() async {
        repeat {
            // While the queue is away, what it said last stands.
            if let offset = try? await client.newestOffset() { newest.withLock { $0 = offset } }
        } while (try? await Task.sleep(for: .seconds(5))) != nil
    }
}
