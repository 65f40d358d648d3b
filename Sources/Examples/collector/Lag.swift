import Synchronization
import TelemetryKit
import TelemetryMQ
import TelemetryNet

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
            if let statistics = try? await client.statistics(), let offset = Self.latestOffset(statistics) { newest.withLock { $0 = offset } }
        } while (try? await Task.sleep(for: .seconds(5))) != nil
    }

    private static func latestOffset(_ statistics: [UInt8]) -> Int64? {
        let found = statistics.withUnsafeBytes { bytes in
            Result { () throws(JSONError) -> Int64? in
                var reader = JSONReader(bytes)
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    if key == "latest_offset" { return try reader.readInt64() }
                    _ = try reader.skipValue()
                }
                return nil
            }
        }
        return (try? found.get()) ?? nil
    }
}
