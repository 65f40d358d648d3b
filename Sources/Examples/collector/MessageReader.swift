import ExampleSupport
import TelemetryMQClient
import TelemetryPipeline
import TelemetryStores

/// Reads a subscription, ahead of the collector by a few messages: reading can end while what was read is still being
/// stored and committed.
struct MessageReader: Sendable {
    let messages: BoundedChannel<CollectorMessage>
    private let reading: Task<Void, any Error>

    /// Begins to read.
    init(_ subscription: Subscription) {
        let messages = BoundedChannel<CollectorMessage>(capacity: 4)
        self.messages = messages
        reading = Task {
            defer { messages.finish() }
            // To its end, even if nothing takes the messages any more: what ended the subscription follows them.
            for try await message in subscription {
                _ = await messages.send(
                    CollectorMessage(
                        offset: message.offset, payload: Array(message.payload), log: message.position.log))
            }
        }
    }

    /// Reads nothing more. What was read can still be taken.
    func stop() {
        messages.finish()
        reading.cancel()
    }

    /// Gives up what was read and not taken.
    func abandon() { messages.abort() }

    /// Ends reading, and returns the error with which the subscription ended, if it did.
    func end() async -> MQError? {
        reading.cancel()
        guard case .failure(let error as MQError) = await reading.result, error.code != .cancelled else { return nil }
        return error
    }
}
