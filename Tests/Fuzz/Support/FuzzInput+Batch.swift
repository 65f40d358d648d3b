import TelemetryBase
import TelemetryKit

extension FuzzInput {
    /// A batch that can be one: names and uuids are not empty, labels have different names, values are finite. All else is what the input says.
    mutating func batch() -> MetricBatch {
        var texts = ["host-1", "{uuid}", "{"]
        var batch = MetricBatch(
            batchID: text(&texts), source: text(&texts), collectedAt: Timestamp(nanoseconds: time(after: 0)))
        let gpus = (0...number(below: 4)).map { _ in gpu(&texts) }
        for _ in 0..<number(below: 8) { _ = batch.addSeries(series(oneOf(gpus), &texts)) }
        guard !batch.series.isEmpty else { return batch }
        var time: Int64 = 0
        for _ in 0..<number(below: 40) {
            time = self.time(after: time)
            batch.append(seriesIndex: UInt32(number(below: batch.series.count)), timestamp: time, value: value())
        }
        return batch
    }

    private mutating func gpu(_ texts: inout [String]) -> GPUIdentity {
        GPUIdentity(
            gpuID: text(&texts), device: text(&texts), uuid: text(&texts, else: "GPU"), modelName: text(&texts),
            hostname: text(&texts),
            container: text(&texts), pod: text(&texts), namespace: text(&texts))
    }

    private mutating func series(_ gpu: GPUIdentity, _ texts: inout [String]) -> MetricSeries {
        var labels: [MetricLabel] = []
        for _ in 0..<number(below: 5) {
            let name = text(&texts)
            guard !labels.contains(where: { $0.name.hasBytes(of: name) }) else { continue }
            let value = oneOf([text(&texts), gpu.uuid, gpu.hostname, gpu.hostname + text(&texts), gpu.pod])
            labels.append(MetricLabel(name: name, value: value))
        }
        return MetricSeries(metricName: text(&texts, else: "m"), gpu: gpu, labels: labels)
    }

    /// An awkward text, one that was there before, or any.
    private mutating func text(_ texts: inout [String], else fallback: String = "") -> String {
        let awkward = [
            "", "a", "{{", "}", "{hostname}:9400", "say \"hi\" \\", "line\nfeed\u{0}\u{1F}\u{7F}", "😀\u{10FFFF}", "é",
            "e\u{301}", "{\u{301}",
            "\u{2028}\u{FEFF}", "\u{212B}", "\u{C5}",
        ]
        let kind = number(below: 256)
        let text =
            switch kind {
            case 0..<100: awkward[kind % awkward.count]
            case 100..<180: texts[kind % texts.count]
            default: String(decoding: bytes(kind - 180), as: UTF8.self)
            }
        if texts.count < 32 { texts.append(text) }
        return text.isEmpty ? fallback : text
    }

    private mutating func time(after time: Int64) -> Int64 {
        switch number(below: 4) {
        case 0: time
        case 1: time &+ 1_000_000_000
        case 2: time &+ Int64(byte())
        default: Int64(bitPattern: word())
        }
    }

    private mutating func value() -> Double {
        switch number(below: 4) {
        case 0: return Double(byte())
        case 1: return Double(Int64(bitPattern: word()) >> 32) / 1000
        case 2:
            return oneOf([
                -0.0, 0, .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude, 0.1, 1 / 3, 0x1p53,
                0x1p63,
            ])
        default:
            let value = Double(bitPattern: word())
            return value.isFinite ? value : 0
        }
    }
}
