import TelemetryNet
import Testing

@testable import TelemetryMQ

/// What a server has promised, to be held against what its log holds.
struct Oracle {
    struct Key: Hashable {
        var producer: String
        var sequence: Int64
    }

    /// Answered with success: must be in the log, at this offset.
    private(set) var acknowledged: [Key: Int64] = [:]
    /// Sent: may be in the log, once.
    private(set) var sent: Set<Key> = []

    mutating func send(_ producer: String, _ sequence: Int64) {
        sent.insert(Key(producer: producer, sequence: sequence))
    }

    mutating func acknowledge(_ producer: String, _ sequence: Int64, offset: Int64) {
        let key = Key(producer: producer, sequence: sequence)
        if let before = acknowledged[key] {
            #expect(before == offset, "\(key) was answered with \(before) and then with \(offset)")
        }
        acknowledged[key] = offset
    }

    /// The payload that belongs to a message, so that a mix-up is seen.
    static func payload(_ producer: String, _ sequence: Int64) -> String { #"{"p":"\#(producer)","s":\#(sequence)}"# }

    /// Reads a log: offsets without gaps, nothing that was not sent, nothing twice, each producer's messages in order, and
    /// everything that was acknowledged at its offset.
    func check(_ log: MessageLog, _ comment: Comment) throws {
        var found: [Key: Int64] = [:]
        var last: [String: Int64] = [:]
        var next = log.oldestOffset
        for segment in log.segments {
            var reader = SegmentReader(file: segment.file, from: 0, to: segment.byteCount)
            while case .record(let record)? = try reader.next() {
                #expect(Record.damage(record) == nil, comment)
                let header = try #require(Record.header(record), comment)
                #expect(header.offset == next, comment)
                next += 1
                guard let producer = header.producerID, let sequence = header.sequence else { continue }
                let key = Key(producer: producer, sequence: sequence)
                #expect(sent.contains(key), "\(comment): message \(header.offset) was never sent")
                #expect(found[key] == nil, "\(comment): \(key) is stored twice")
                #expect(last[producer].map { $0 < sequence } ?? true, "\(comment): \(key) is out of order")
                #expect(
                    String(decoding: UnsafeRawBufferPointer(rebasing: record[header.payload]), as: UTF8.self)
                        == Self.payload(producer, sequence), comment)
                found[key] = header.offset
                last[producer] = sequence
            }
        }
        #expect(next == log.nextOffset, comment)
        for (key, offset) in acknowledged where offset >= log.oldestOffset {
            #expect(found[key] == offset, "\(comment): \(key) was acknowledged at \(offset) and is at \(found[key].map(String.init) ?? "none")")
        }
    }
}
