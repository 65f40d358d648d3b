import TelemetryBase

/// Remembers which sequence numbers of each producer are in the log, and at which offsets, so that a publish that is
/// repeated after a lost response gets the same response instead of being appended again.
///
/// Limited to the last ``maxRuns`` publishes of each of the ``maxProducers`` producers that published last.
package struct ProducerTable {
    package static let maxRuns = 1024
    package static let maxProducers = 4096

    /// Messages with consecutive sequence numbers at consecutive offsets.
    struct Run {
        var sequence: Int64
        var offset: Int64
        var count: Int64
    }

    package final class Producer {
        let id: String
        package fileprivate(set) var lastSequence: Int64 = -1
        fileprivate(set) var runs: [Run] = []
        fileprivate var lastOffset: Int64 = -1
        /// Removed from the table: a stored reference must be looked up again.
        package fileprivate(set) var isForgotten = false

        init(id: String) { self.id = id }

        /// The offset that a sequence number was stored at.
        func offset(of sequence: Int64) -> Int64? {
            for run in runs.reversed() where sequence >= run.sequence && sequence < run.sequence + run.count {
                return run.offset + sequence - run.sequence
            }
            return nil
        }
    }

    private var producers: TextTable<Producer> = [:]

    package init() {}

    package var count: Int { producers.count }

    /// Returns the producer's entry, and creates it if there is none.
    package mutating func producer(_ id: String) -> Producer {
        if let known = producers[id] { return known }
        if producers.count >= Self.maxProducers { forgetOldest() }
        let new = Producer(id: id)
        producers[id] = new
        return new
    }

    package enum Verdict: Equatable {
        case new
        /// Stored before, at this offset.
        case repeated(offset: Int64)
        /// Not above the last sequence number, and not remembered.
        case stale(last: Int64)
    }

    package func verdict(_ producer: Producer, sequence: Int64) -> Verdict {
        if sequence > producer.lastSequence { return .new }
        return producer.offset(of: sequence).map { .repeated(offset: $0) } ?? .stale(last: producer.lastSequence)
    }

    package func stored(_ producer: Producer, sequence: Int64, offset: Int64, count: Int64 = 1) {
        producer.lastSequence = sequence + count - 1
        producer.lastOffset = offset + count - 1
        if let last = producer.runs.last, last.sequence + last.count == sequence, last.offset + last.count == offset {
            producer.runs[producer.runs.count - 1].count += count
            return
        }
        // Half of the window at a time, so that freeing entries costs little per publish.
        if producer.runs.count >= Self.maxRuns * 2 { producer.runs.removeFirst(Self.maxRuns) }
        producer.runs.append(Run(sequence: sequence, offset: offset, count: count))
    }

    /// Removes the entries from an offset on, because the append failed.
    package mutating func rollBack(to offset: Int64) {
        for producer in producers.values where producer.lastOffset >= offset {
            while let last = producer.runs.last, last.offset >= offset { producer.runs.removeLast() }
            if let last = producer.runs.last {
                producer.runs[producer.runs.count - 1].count = min(last.count, offset - last.offset)
            }
            let last = producer.runs.last
            producer.lastSequence = last.map { $0.sequence + $0.count - 1 } ?? -1
            producer.lastOffset = last.map { $0.offset + $0.count - 1 } ?? -1
        }
    }

    /// Ordered by last publish, the oldest first.
    var byLastOffset: [Producer] {
        producers.values.sorted { $0.lastOffset < $1.lastOffset }
    }

    /// The table as it was before the message with an offset, whose publish may be staged already.
    func upTo(_ offset: Int64) -> ProducerTable {
        var copy = ProducerTable()
        for producer in byLastOffset {
            var runs = producer.runs
            while let last = runs.last, last.offset >= offset { runs.removeLast() }
            if let last = runs.last { runs[runs.count - 1].count = min(last.count, offset - last.offset) }
            copy.restore(producer.id, runs)
        }
        return copy
    }

    /// Restores a producer's entry from a snapshot.
    mutating func restore(_ id: String, _ runs: [Run]) {
        guard let last = runs.last else { return }
        let producer = producer(id)
        producer.runs = runs
        producer.lastSequence = last.sequence + last.count - 1
        producer.lastOffset = last.offset + last.count - 1
    }

    private mutating func forgetOldest() {
        // An eighth at a time: finding them requires a pass over all.
        let oldest = byLastOffset.prefix(Self.maxProducers / 8)
        for producer in oldest {
            producer.isForgotten = true
            producers[producer.id] = nil
        }
    }
}
