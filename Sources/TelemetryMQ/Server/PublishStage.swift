import TelemetryBase
import TelemetryMQLog
import TelemetryMQProtocol

/// The publishes of one round of the loop, of all its connections: collected, written together, and acknowledged after
/// the write.
///
/// One value contains everything that processing a message needs, so that a read of thousands of messages requires one
/// exclusive access.
struct PublishStage: ~Copyable {
    /// A publish that is staged but not written. The slices refer to frames that stay in place until the response.
    private struct Publish {
        var requestID: UnsafeRawBufferPointer?
        var offset: Int64
        var count: Int32
        var isMany: Bool
        var isRepeat = false
        /// Index into ``scattered``, or -1.
        var scatteredAt: Int32 = -1
    }

    /// Messages of one producer, with consecutive sequence numbers and offsets, that the log does not know yet.
    private struct Run {
        var producer: ProducerTable.Producer
        /// The id as in the first of its frames.
        var id: UnsafeRawBufferPointer
        var sequence: Int64
        var offset: Int64
        var count: Int64 = 0
    }

    var batch: AppendBatch
    private var staged: [Publish] = []
    /// The owners of the staged publishes: for each connection those up to `end`, from the end of the previous one.
    private var shares: [(connection: BrokerConnection, end: Int)] = []
    private var payloads: [UnsafeRawBufferPointer] = []
    private var run: Run?
    private var timestamp: Int64 = 0
    /// Set if the messages of a frame are not consecutive: a crash in the middle of the frame's first write left some
    /// of them in the log, and the rest follow only now.
    private var scattered: [[Int64]] = []
    private let head: PublishedHead

    init(firstOffset: Int64, logID: [UInt8]) {
        batch = AppendBatch(firstOffset: firstOffset)
        head = PublishedHead(logID: logID)
    }

    var isEmpty: Bool { staged.isEmpty }

    /// Whether the connection is the last that staged a publish.
    func hasPublishes(of connection: BrokerConnection) -> Bool { shares.last?.connection === connection }

    private mutating func noteShare(of connection: BrokerConnection) {
        if hasPublishes(of: connection) {
            shares[shares.count - 1].end = staged.count
        } else if staged.count > shares.last?.end ?? 0 {
            shares.append((connection, staged.count))
        }
    }

    // MARK: Staging

    /// Stages the publish frames from `start` on, as far as they are complete and plain. Returns the position where it
    /// stopped: the end, an incomplete frame, or a frame for ``RequestHandler``.
    mutating func takeFrames(_ bytes: UnsafeRawBufferPointer, from start: Int, of connection: BrokerConnection) -> Int {
        let broker = connection.broker
        let limit = broker.configuration.maxFrameBytes
        var at = start
        while bytes.count - at >= 4 {
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            guard length > 0, length <= limit, bytes.count - at >= 4 + length,
                let frame = PublishFrame(
                    quickly: UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 4 + length]), payloads: &payloads),
                stageNew(frame, of: connection, broker)
            else { break }
            at += 4 + length
        }
        noteShare(of: connection)
        return at
    }

    /// Stages a publish that contains only new messages; `false` if it does not.
    @inline(__always)
    private mutating func stageNew(_ frame: PublishFrame, of connection: BrokerConnection, _ broker: Broker) -> Bool {
        if staged.isEmpty { timestamp = broker.timestamp() }
        let offset = batch.nextOffset
        let count = frame.isMany ? payloads.count : 1
        if let id = frame.producerID, let sequence = frame.sequence {
            guard continueRun(id, sequence, of: connection, broker) else { return false }
            for index in 0..<count {
                batch.append(
                    payload: frame.payload ?? payloads[index], timestamp: timestamp, producerID: id,
                    sequence: sequence + Int64(index))
            }
            run!.count += Int64(count)
        } else {
            for index in 0..<count { batch.append(payload: frame.payload ?? payloads[index], timestamp: timestamp) }
        }
        staged.append(Publish(requestID: frame.requestID, offset: offset, count: Int32(count), isMany: frame.isMany))
        return true
    }

    /// Selects the run that the sequence number continues; `false` if the number is not new.
    private mutating func continueRun(
        _ id: UnsafeRawBufferPointer, _ sequence: Int64, of connection: BrokerConnection, _ broker: Broker
    ) -> Bool {
        if let run, sequence == run.sequence + run.count, run.offset + run.count == batch.nextOffset,
            run.id.elementsEqual(id)
        {
            return true
        }
        rememberRun(in: broker.log)
        let producer = connection.producer(id)
        guard sequence > producer.lastSequence else { return false }
        run = Run(producer: producer, id: id, sequence: sequence, offset: batch.nextOffset)
        return true
    }

    /// Records the messages of the run in the log.
    mutating func rememberRun(in log: MessageLog) {
        guard let run else { return }
        if run.count > 0 { log.remember(run.producer, sequence: run.sequence, offset: run.offset, count: run.count) }
        self.run = nil
    }

    /// Stages any publish, even if all or some of its messages are in the log already. Returns the producer's last
    /// sequence number if one of them is older than those remembered; the caller then writes what was staged before.
    mutating func stage(_ frame: PublishFrame, _ payloads: [UnsafeRawBufferPointer], of connection: BrokerConnection)
        -> Int64?
    {
        let broker = connection.broker
        self.payloads = payloads
        defer { noteShare(of: connection) }
        if stageNew(frame, of: connection, broker) { return nil }
        let (id, sequence) = (frame.producerID!, frame.sequence!)
        let producer = connection.producer(id)
        var offsets: [Int64] = []
        var isRepeat = true
        for (index, payload) in payloads.enumerated() {
            let number = sequence + Int64(index)
            switch broker.log.producers.verdict(producer, sequence: number) {
            case .new:
                offsets.append(batch.append(payload: payload, timestamp: timestamp, producerID: id, sequence: number))
                broker.log.remember(producer, sequence: number, offset: offsets[index], count: 1)
                isRepeat = false
            case .repeated(let stored):
                broker.counters.publishesRepeated += 1
                offsets.append(stored)
            case .stale(let last):
                // Sequence numbers are ascending, so nothing of this frame was staged before this one.
                return last
            }
        }
        var publish = Publish(
            requestID: frame.requestID, offset: offsets[0], count: Int32(payloads.count), isMany: frame.isMany,
            isRepeat: isRepeat)
        if offsets != Array(offsets[0]..<offsets[0] + Int64(offsets.count)) {
            publish.scatteredAt = Int32(scattered.count)
            scattered.append(offsets)
        }
        staged.append(publish)
        return nil
    }

    // MARK: Answering

    /// Acknowledges the staged publishes after the write, and returns the connections. `held`: the responses wait for
    /// the next sync, including those to repeats, which may concern messages that are written and not synced.
    mutating func answerAll(held: Bool) -> [BrokerConnection] {
        if held {
            forEach { publish, connection in
                connection.holdAnswer(requestID: publish.requestID) { append(publish, to: &$0) }
            }
        } else {
            var start = 0
            for (connection, end) in shares {
                append(start..<end, to: &connection.output)
                start = end
            }
        }
        return clear()
    }

    mutating func refuseAll(_ error: LogError) -> [BrokerConnection] {
        let (code, message) = (ErrorCode(error), "\(error)")
        forEach { publish, connection in connection.refuse(code, message, requestID: publish.requestID) }
        return clear()
    }

    private func forEach(_ body: (Publish, BrokerConnection) -> Void) {
        var start = 0
        for (connection, end) in shares {
            for publish in staged[start..<end] { body(publish, connection) }
            start = end
        }
    }

    private mutating func clear() -> [BrokerConnection] {
        defer {
            staged.removeAll(keepingCapacity: true)
            shares.removeAll(keepingCapacity: true)
            scattered.removeAll(keepingCapacity: true)
        }
        return shares.map(\.connection)
    }

    private func append(_ range: Range<Int>, to output: inout ByteQueue) {
        for index in range { append(staged[index], to: &output) }
    }

    @inline(__always)
    private func append(_ publish: Publish, to output: inout ByteQueue) {
        output.appendPublished(
            head, requestID: publish.requestID, offset: publish.offset, isFinished: !publish.isMany && !publish.isRepeat
        ) {
            if publish.isMany {
                $0.append(#","count":"#)
                $0.appendDecimal(UInt64(publish.count))
            }
            if publish.isRepeat { $0.append(#","duplicate":true"#) }
            guard publish.scatteredAt >= 0 else { return }
            $0.append(#","offsets":["#)
            for (index, offset) in scattered[Int(publish.scatteredAt)].enumerated() {
                if index > 0 { $0.append(",") }
                $0.appendDecimal(UInt64(offset))
            }
            $0.append("]")
        }
    }
}
