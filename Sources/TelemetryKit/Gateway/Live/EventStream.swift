import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// Writes a subscription as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
///
///     event: samples
///     data: [{"timestamp":…},…]
///
/// and `event: dropped` with `{"reason":"…"}` as the last, if the gateway ends it.
struct EventStream: Sendable {
    let live: LiveSamples
    let filter: SampleFilter

    static let contentType = "text/event-stream"

    static let component = SchemaComponent(
        name: "EventStream",
        schema: .text.described(
            "event: samples, with data of an array of Sample; event: dropped, with data of {\"reason\":…}, "
                + "as the last; comments as heartbeat."
        ).with("examples", .array(json: [ByteWriter.json { $0.value(String(decoding: exampleEvent, as: UTF8.self)) }])))

    private static var exampleEvent: [UInt8] { event("samples") { $0.array { _ in } } }

    var response: HTTPResponse {
        HTTPResponse(
            // Without the last header, a proxy such as nginx would buffer events.
            headers: [("Content-Type", Self.contentType), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")],
            body: .stream { try await write(to: $0) })
    }

    /// Runs until the client disconnects, which cancels the task or makes a write fail, or until the gateway ends it.
    private func write(to body: HTTPBodyWriter) async throws {
        guard let subscription = live.subscribe(filter) else {
            return try await body.write(Self.dropped("there are too many clients; try again later"))
        }
        defer { live.unsubscribe(subscription) }
        // The number of milliseconds that browsers wait before they reconnect.
        try await body.write(Array("retry: 2000\n\n".utf8))
        var lastWrite = ContinuousClock.now
        while true {
            let (samples, endReason) = subscription.take()
            try await write(samples, to: body)
            if let endReason { return try await body.write(Self.dropped(endReason)) }
            let now = ContinuousClock.now
            if !samples.isEmpty {
                lastWrite = now
            } else if now - lastWrite >= live.configuration.heartbeat {
                try await body.write(Array(": heartbeat\n\n".utf8))
                lastWrite = now
            }
            try await Task.sleep(for: live.configuration.interval.boundedWait)
        }
    }

    /// In events of bounded size: one event's text stays small however many samples there are, and however long their
    /// labels.
    private func write(_ samples: [GPUMetric], to body: HTTPBodyWriter) async throws {
        var writer = SampleWriter(format: .json)
        var out = ByteWriter()
        var count = 0
        for (index, sample) in samples.enumerated() {
            out.append(count == 0 ? "event: samples\ndata: [" : ",")
            writer.append(sample, to: &out)
            count += 1
            guard count == 1_000 || out.count >= 512 * 1024 || index == samples.count - 1 else { continue }
            out.append("]\n\n")
            try await body.write(out.bytes)
            out = ByteWriter()
            count = 0
        }
    }

    private static func dropped(_ reason: String) -> [UInt8] {
        event("dropped") { json in json.object { $0.member("reason", reason) } }
    }

    private static func event(_ name: StaticString, _ data: (inout JSONWriter<ByteWriter>) -> Void) -> [UInt8] {
        var out = ByteWriter()
        out.append("event: ")
        out.append(name)
        out.append("\ndata: ")
        out.appendJSON(data)
        out.append("\n\n")
        return out.bytes
    }
}
