import TelemetryBase
import TelemetryModels

/// Writes an export in one of the formats, to be taken piece by piece.
struct ExportWriter {
    let format: ExportFormat
    private(set) var output = ByteWriter(capacity: ExportWriter.chunkBytes + 4096)
    private(set) var count = 0
    private var samples: SampleWriter

    /// The approximate size of the pieces that are sent.
    static let chunkBytes = 128 * 1024

    init(format: ExportFormat) {
        self.format = format
        samples = SampleWriter(format: format)
    }

    mutating func begin() {
        switch format {
        case .csv:
            let gpu = GPUMember.all.map(\.column).joined(separator: ",")
            output.append("timestamp,metric_name,\(gpu),value,labels_raw\r\n")
        case .json: output.append(frame.head)
        case .lineprotocol: break
        }
    }

    mutating func append(_ sample: GPUMetric) {
        // The line protocol and JSON have no other values, and stores contain none.
        guard sample.value.isFinite else { return }
        if format == .json, count > 0 { output.append(UInt8(ascii: ",")) }
        samples.append(sample, to: &output)
        count += 1
    }

    mutating func end() {
        guard format == .json else { return }
        output.append(frame.tail)
        output.append(UInt8(ascii: "\n"))
    }

    /// The JSON text around the samples written so far.
    private var frame: JSONFrame {
        JSONFrame { json, samples in Shapes.export.envelope.write(count, to: &json) { $0.array(samples) } }
    }

    /// Returns the bytes written since the last call.
    mutating func take() -> [UInt8] {
        defer { output = ByteWriter(capacity: Self.chunkBytes + 4096) }
        return output.bytes
    }
}
