import FaultSupport
import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("The live stream of the gateway", .timeLimit(.minutes(20)))
struct StreamTests {
    private func batch(_ count: Int, gpu: Int = 0) -> MetricBatch {
        let identity = GPUIdentity(
            gpuID: "\(gpu)", device: "nvidia\(gpu)", uuid: "GPU-\(gpu)", modelName: "NVIDIA H100",
            hostname: "host-\(gpu)")
        let series = MetricSeries(metricName: "DCGM_FI_DEV_GPU_TEMP", gpu: identity)
        let samples = (0..<count).map {
            GPUMetric(timestamp: Timestamp(nanoseconds: Int64($0)), value: Double($0), series: series)
        }
        return MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: samples)
    }

    private func hub(_ change: (inout LiveSamples.Configuration) -> Void = { _ in }) -> LiveSamples {
        var configuration = LiveSamples.Configuration()
        configuration.interval = .milliseconds(5)
        change(&configuration)
        return LiveSamples(configuration: configuration)
    }

    /// The events of a body, in their order: name and data.
    private func events(_ text: String) -> [(name: String, data: String)] {
        text.components(separatedBy: "\n\n").compactMap { block in
            let lines = block.components(separatedBy: "\n")
            guard lines.count == 2, lines[0].hasPrefix("event: "), lines[1].hasPrefix("data: ") else { return nil }
            return (String(lines[0].dropFirst(7)), String(lines[1].dropFirst(6)))
        }
    }

    private func samples(_ events: [(name: String, data: String)]) throws -> [[String: Any]] {
        try events.filter { $0.name == "samples" }.flatMap { event in
            try #require(JSONSerialization.jsonObject(with: Data(event.data.utf8)) as? [[String: Any]])
        }
    }

    @Test("what is published reaches those who listen, in order and filtered, until the gateway ends it")
    func delivery() async throws {
        let live = hub()
        try await GatewayStage.with({ $0.live = live }) { stage in
            async let all = stage.get("/api/v1/stream")
            async let some = stage.get("/api/v1/stream?hostname=host-1&metric_name=DCGM_FI_DEV_GPU_TEMP")
            try await eventually("both listen") { live.subscriberCount == 2 }
            live.publish([batch(3), batch(2_500, gpu: 1)])
            live.publish([batch(2, gpu: 2)])
            live.end(reason: "the test is over")
            let whole = try await all
            #expect(whole.header("content-type") == "text/event-stream")
            let told = events(whole.text)
            #expect(
                try samples(told).compactMap { $0["value"] as? Double } == [0, 1, 2] + (0..<2_500).map(Double.init) + [
                    0, 1,
                ])
            #expect(told.last?.name == "dropped")
            #expect(told.last?.data == #"{"reason":"the test is over"}"#)
            let filtered = try samples(events(try await some.text))
            #expect(filtered.count == 2_500)
            #expect(filtered.allSatisfy { $0["uuid"] as? String == "GPU-1" })
            #expect(live.subscriberCount == 0)
        }
    }

    @Test("who does not keep up is told so and dropped, and costs no more than its bound")
    func slow() async throws {
        let live = hub { $0.maxPending = 100 }
        try await GatewayStage.with({ $0.live = live }) { stage in
            async let slow = stage.get("/api/v1/stream")
            async let other = stage.get("/api/v1/stream?hostname=host-9")
            try await eventually("both listen") { live.subscriberCount == 2 }
            live.publish([batch(101)])
            let told = events(try await slow.text)
            #expect(told.last?.data == #"{"reason":"too slow: more than 100 samples waited"}"#)
            #expect(live.droppedCount == 1)
            #expect(live.subscriberCount == 1)
            let metrics = try await stage.get("/metrics").text
            #expect(metrics.contains("gateway_stream_dropped_clients_total 1\n"))
            #expect(metrics.contains("gateway_stream_clients 1\n"))
            live.end(reason: "over")
            #expect(events(try await other.text).map(\.name) == ["dropped"])
        }
    }

    @Test("a client that goes away is noticed and freed, while nothing is published")
    func away() async throws {
        let live = hub { $0.heartbeat = .milliseconds(20) }
        try await GatewayStage.with({ $0.live = live }) { stage in
            var peer: RawPeer? = try RawPeer(port: stage.port)
            try peer?.sendBytes(Array("GET /api/v1/stream HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
            try await eventually("it listens") { live.subscriberCount == 1 }
            peer?.reset()
            peer = nil
            try await eventually("it is freed") { live.subscriberCount == 0 }
            #expect(live.droppedCount == 0)
        }
    }

    @Test("without a feed, without its queue and beyond the number of clients it says why there is no stream")
    func refusals() async throws {
        try await GatewayStage.with { stage in
            let answer = try await stage.get("/api/v1/stream")
            #expect(answer.status == 503)
            #expect(answer.text.contains("no source of new samples"))
        }
        let live = hub { $0.maxSubscribers = 1 }
        live.problem = "no new samples: the queue at mq:9000 is not connected"
        try await GatewayStage.with({ $0.live = live }) { stage in
            let refused = try await stage.get("/api/v1/stream")
            #expect(refused.status == 503)
            #expect(refused.header("retry-after") == "5")
            #expect(refused.text.contains("the queue at mq:9000 is not connected"))
            live.problem = nil
            async let first = stage.get("/api/v1/stream")
            try await eventually("one listens") { live.subscriberCount == 1 }
            #expect(try await stage.get("/api/v1/stream").status == 503)
            live.end(reason: "over")
            #expect(try await first.status == 200)
        }
    }

    @Test("a gateway that stops does not wait for those who listen")
    func shutdown() async throws {
        let live = hub()
        let stage = try await GatewayStage({ $0.live = live })
        async let listening = stage.get("/api/v1/stream")
        try await eventually("it listens") { live.subscriberCount == 1 }
        // Longer than a test may last: it would be waited for in vain.
        await stage.gateway.shutdown(within: .seconds(1_000))
        #expect(events(try await listening.text).map(\.data) == [#"{"reason":"the gateway is stopping"}"#])
        stage.client.close()
    }

    @Test("a collector publishes what its store has taken")
    func collector() async throws {
        let live = hub()
        let subscription = try #require(live.subscribe(SampleFilter()))
        let store = MemoryStore()
        var configuration = Collector<MemoryStore>.Configuration()
        configuration.onStored = { live.publish($0) }
        let collector = Collector(store: store, configuration: configuration)
        var codec = BatchCodec()
        let payload = try codec.encode(batch(7))
        try await collector.run(
            AsyncStream { stream in
                stream.yield(CollectorMessage(offset: 0, payload: payload))
                stream.finish()
            })
        #expect(subscription.take().samples.map(\.value) == (0..<7).map(Double.init))
    }
}
