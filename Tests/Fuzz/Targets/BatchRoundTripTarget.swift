import TelemetryBase
import TelemetryKit

/// Batches that the input describes come out of both formats as they went in, to the last bit, by a codec that is kept and by new ones.
enum BatchRoundTripTarget {
    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        var codecs = BatchFormat.allCases.map { BatchCodec(format: $0) }
        for number in 0..<3 where number == 0 || !input.isEmpty {
            let batch = input.batch()
            for i in codecs.indices {
                let format = codecs[i].format
                do throws(BatchError) {
                    let text = try codecs[i].encode(batch)
                    if let error = text.withUnsafeBytes({ JSON.validate($0) }) {
                        return "batch \(number), \(format.rawValue), is no JSON: \(error)"
                    }
                    if try codecs[i].encode(batch) != text {
                        return "batch \(number), \(format.rawValue), is another text the second time"
                    }
                    for read in [try codecs[i].decode(text), try MetricBatch.decode(json: text)] {
                        if let difference = read.difference(from: batch) {
                            return "batch \(number), \(format.rawValue): \(difference)"
                        }
                    }
                } catch {
                    return "batch \(number), \(format.rawValue): \(error)"
                }
            }
        }
        return nil
    }
}
