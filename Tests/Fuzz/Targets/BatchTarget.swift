import TelemetryKit

/// Texts that may be batches, one behind the other with a record separator (0x1E) between. None makes the reader crash; a codec that has read
/// the others says of each what a new codec says; and what is a batch is the same after another round through either format.
///
/// What a codec remembers matters where texts are much alike. So a text that begins with a unit separator (0x1F) is the one before it with a
/// change: two bytes say where, one how many bytes go, and the rest comes in their place.
enum BatchTarget {
    static func failure(_ input: [UInt8]) -> String? {
        var codec = BatchCodec()
        var texts: [[UInt8]] = []
        for part in input.split(separator: 0x1E, omittingEmptySubsequences: false) {
            texts.append(part.first == 0x1F ? changed(texts.last ?? [], Array(part.dropFirst())) : Array(part))
        }
        // Twice: a codec has then met every text before.
        for text in texts + texts {
            let fresh = Result { () throws(BatchError) in try MetricBatch.decode(json: text) }
            let kept = Result { () throws(BatchError) in try codec.decode(text) }
            switch (fresh, kept) {
            case (.success(let batch), .success(let same)):
                if let difference = same.difference(from: batch) {
                    return "a codec that is kept reads another batch: \(difference)"
                }
                if let failure = roundTrip(batch, &codec) { return failure }
            case (.success, .failure(let error)):
                return "a codec that is kept refuses what a new one reads: \(error)"
            case (.failure(let error), .success):
                if !isLimit(error) { return "a codec that is kept reads what a new one refuses: \(error)" }
            case (.failure(let error), .failure(let same)):
                if error != same { return "a codec that is kept says \(same), a new one \(error)" }
            }
        }
        return nil
    }

    private static func changed(_ text: [UInt8], _ change: [UInt8]) -> [UInt8] {
        var change = FuzzInput(change)
        let start = (Int(change.byte()) << 8 + Int(change.byte())) % (text.count + 1)
        let end = min(text.count, start + Int(change.byte()))
        return Array(text[..<start] + change.rest + text[end...])
    }

    private static func roundTrip(_ batch: MetricBatch, _ codec: inout BatchCodec) -> String? {
        for format in BatchFormat.allCases where format == .columnar || plainBytes(batch) < 1 << 20 {
            codec.format = format
            do throws(BatchError) {
                let text = try batch.encoded(as: format)
                guard try codec.encode(batch) == text else {
                    return "a codec that is kept writes another \(format.rawValue) text"
                }
                for read in [try MetricBatch.decode(json: text), try codec.decode(text)] {
                    if let difference = read.difference(from: batch) {
                        return "after another round as \(format.rawValue): \(difference)"
                    }
                }
            } catch {
                if !isLimit(error) { return "a batch that was read is no batch as \(format.rawValue): \(error)" }
            }
        }
        return nil
    }

    /// How much text labels may become depends on the length of the batch: of the same batch in a longer text it is more. Series that a codec
    /// knows cost nothing.
    private static func isLimit(_ error: BatchError) -> Bool { error.reason.contains("expand to too much text") }

    /// About what the batch takes in the plain format, in which a short batch of long labels is a large one by design.
    private static func plainBytes(_ batch: MetricBatch) -> Int {
        let series = batch.series.map { series in
            series.labels.reduce(300) { $0 + $1.name.utf8.count + $1.value.utf8.count + 6 }
        }
        return batch.seriesIndices.reduce(0) { $0 + series[Int($1)] }
    }
}
