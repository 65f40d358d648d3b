/// The messages that a ``BatchPublisher`` has accepted: a value that decides which messages form a batch, and who has
/// to wait.
struct BatchBuffer {
    /// The messages of one frame.
    final class Batch: Sendable {
        let number: Int
        let offsets = Promise<[Int64]>()

        init(number: Int) { self.number = number }
    }

    /// A batch that is full or due.
    struct Outgoing: Sendable {
        var batch: Batch
        var payloads: [[UInt8]]
        var byteCount: Int
    }

    /// The batch and index that a message was assigned.
    struct Acceptance {
        var batch: Batch
        var index: Int
        /// The batches that have to be sent now.
        var outgoing: [Outgoing]
        /// The batch, if it begins with this message and waits for others.
        var begun: Batch?
    }

    let maxBytes: Int
    let maxMessages: Int
    let bufferBytes: Int
    /// The bytes of messages that are accepted and unacknowledged.
    private(set) var byteCount = 0
    private(set) var messageCount = 0
    private var gathering: Outgoing?
    private var lastNumber = 0
    /// The number of batches sent and unacknowledged.
    private var open: Set<Int> = []
    /// The callers that wait for space, in order, with the bytes that they need.
    private var waiting: [(ticket: Promise<Void>, byteCount: Int)] = []

    init(maxBytes: Int, maxMessages: Int, bufferBytes: Int) {
        self.maxBytes = maxBytes
        self.maxMessages = maxMessages
        self.bufferBytes = bufferBytes
    }

    /// A message that is larger than the buffer is accepted if nothing else is in it.
    private func hasRoom(for size: Int) -> Bool { byteCount == 0 || byteCount + size <= bufferBytes }

    /// Adds a message; `nil` if the buffer is full. No message overtakes those that wait.
    mutating func accept(_ payload: [UInt8]) -> Acceptance? {
        guard waiting.isEmpty, hasRoom(for: payload.count) else { return nil }
        byteCount += payload.count
        return add(payload)
    }

    /// Adds a message whose ticket was granted: its space is reserved.
    mutating func acceptGranted(_ payload: [UInt8]) -> Acceptance { add(payload) }

    private mutating func add(_ payload: [UInt8]) -> Acceptance {
        var outgoing: [Outgoing] = []
        if let current = gathering, current.byteCount + payload.count > maxBytes { outgoing += takeGathered() }
        let isFirst = gathering == nil
        if isFirst {
            lastNumber += 1
            gathering = Outgoing(batch: Batch(number: lastNumber), payloads: [], byteCount: 0)
        }
        messageCount += 1
        gathering!.payloads.append(payload)
        gathering!.byteCount += payload.count
        let (batch, index) = (gathering!.batch, gathering!.payloads.count - 1)
        if gathering!.payloads.count >= maxMessages || gathering!.byteCount >= maxBytes { outgoing += takeGathered() }
        return Acceptance(
            batch: batch, index: index, outgoing: outgoing, begun: isFirst && gathering != nil ? batch : nil)
    }

    /// The batch that is being filled, to be sent as it is; if `number` is given, only if it is that one.
    mutating func takeGathered(number: Int? = nil) -> [Outgoing] {
        guard let current = gathering, number == nil || current.batch.number == number else { return [] }
        gathering = nil
        open.insert(current.batch.number)
        return [current]
    }

    /// Adds a caller to the queue for space.
    mutating func queue(_ ticket: Promise<Void>, byteCount: Int) {
        waiting.append((ticket, byteCount))
    }

    /// Gives up a place in the queue, or the space that was reserved meanwhile. Returns the callers that are next.
    mutating func withdraw(_ ticket: Promise<Void>, byteCount: Int) -> [Promise<Void>] {
        if let index = waiting.firstIndex(where: { $0.ticket === ticket }) {
            waiting.remove(at: index)
        } else {
            self.byteCount -= byteCount
        }
        return grant()
    }

    /// A batch was acknowledged. Returns the callers that may continue.
    mutating func finish(_ batch: Outgoing) -> [Promise<Void>] {
        open.remove(batch.batch.number)
        byteCount -= batch.byteCount
        messageCount -= batch.payloads.count
        return grant()
    }

    private mutating func grant() -> [Promise<Void>] {
        var granted: [Promise<Void>] = []
        while let next = waiting.first, hasRoom(for: next.byteCount) {
            byteCount += next.byteCount
            granted.append(next.ticket)
            waiting.removeFirst()
        }
        return granted
    }

    /// Whether a batch is sent and unacknowledged.
    func isOpen(_ number: Int) -> Bool { open.contains(number) }

    /// The newest batch that was begun.
    var newest: Int { lastNumber }

    /// Whether all batches up to that one are acknowledged.
    func isFinished(through number: Int) -> Bool {
        !open.contains { $0 <= number } && (gathering.map { $0.batch.number > number } ?? true)
    }

    mutating func takeWaiting() -> [Promise<Void>] {
        defer { waiting = [] }
        return waiting.map(\.ticket)
    }
}
