import TelemetryBase
import TelemetryKit

/// Whatever address is asked for, the gateway answers it; and what it says is JSON is JSON.
enum GatewayTarget {
    /// One for all: it keeps nothing of a request but its counters.
    private static let gateway: (port: Int, Gateway) = CallingThread.run {
        let store = MemoryStore()
        let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-1", modelName: "H100", hostname: "h")
        let series = MetricSeries(metricName: "m", gpu: gpu)
        let times = [Int64.min, -1, 0, 1_752_871_350_000_000_000, 1_752_871_360_000_000_000, .max - 1, .max]
        let samples = zip(times, [0, -1, 1e300, 97, 98, .leastNonzeroMagnitude, -.greatestFiniteMagnitude]).map {
            GPUMetric(timestamp: Timestamp(nanoseconds: $0), value: $1, series: series)
        }
        let time = Timestamp(nanoseconds: 0)
        try? await store.write([MetricBatch(batchID: "b", source: "s", collectedAt: time, metrics: samples)])
        var configuration = Gateway.Configuration()
        configuration.port = 0
        configuration.promQL.timeout = .seconds(2)
        configuration.promQL.maxSamples = 20_000
        let gateway = Gateway(store: store, configuration: configuration)
        return ((try? await gateway.start()) ?? 0, gateway)
    }

    static func failure(_ input: [UInt8]) -> String? {
        let address = String(
            decoding: input.map { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") ? $0 : UInt8(ascii: "_") },
            as: UTF8.self)
        let target = address.hasPrefix("/") ? address : "/" + address
        // It does not end.
        if target.hasPrefix("/api/v1/stream") { return nil }
        guard let peer = FramePeer(port: gateway.port) else { return "the gateway does not listen" }
        peer.send(Array("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        let answer = peer.httpAnswer()
        guard let head = split(answer), let status = Int(head.text.dropFirst(9).prefix(3)) else {
            return "\(target): no answer"
        }
        // 503: a query that took too long; 414 and 431 are of the address.
        guard [200, 400, 404, 414, 422, 431, 503].contains(status) else { return "\(target): \(status)" }
        if head.text.contains("\r\nContent-Type: application/json\r\n"), !head.text.contains("Transfer-Encoding") {
            if let error = Array(head.body).withUnsafeBytes({ JSON.validate($0) }) { return "\(target): \(error)" }
        }
        return nil
    }

    private static func split(_ answer: [UInt8]) -> (text: String, body: ArraySlice<UInt8>)? {
        let blank = Array("\r\n\r\n".utf8)
        guard let end = answer.indices.first(where: { answer[$0...].starts(with: blank) }) else { return nil }
        return (String(decoding: answer[..<(end + 2)], as: UTF8.self), answer[(end + 4)...])
    }
}
