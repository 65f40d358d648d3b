import FaultSupport
import Testing

@testable import TelemetryDatabases
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders

@Suite("Scraping real servers", .timeLimit(.minutes(20)))
struct ScrapeRealServerTests {
    @Test(
        "exposition text that nginx serves becomes samples; its page of errors becomes a failure, until the text is back"
    )
    func nginx() async throws {
        let (server, exporter) = try await RealServer.nginx()
        let events = ScrapeSourceTests.Events()
        var source = try ScrapeSourceTests.source(server.url + "/metrics", events: events) {
            $0.onEvent = { event in
                events.add(event)
                if case .failed = event { try? exporter.serve(ScrapeExporter()) }
            }
        }
        try exporter.serve(ScrapeExporter(more: "go_goroutines 12\n"))
        let first = try #require(try await source.next())
        #expect(first.values == [36, 41, 112.304, 687.921])
        #expect(first.metrics.map(\.gpu.hostname) == ["dgx-031", "dgx-031", "dgx-031", "dgx-031"])
        #expect(source.progress.scraping?.samplesWithoutGPU == 1)

        // A GPU falls off the bus.
        try exporter.serve(ScrapeExporter(temperatures: ["37"], power: ["113"]))
        #expect(try await source.next()?.values == [37, 113])
        #expect(source.progress.scraping?.liveSeries == 2 && source.progress.scraping?.staleSeries == 2)

        // It is gone, and back when the failure has been told.
        try exporter.serveNothing()
        #expect(try await source.next()?.count == 4)
        #expect(events.all.count == 6)
        #expect(events.all[2] == .failed(reason: "\(server.url)/metrics: HTTP 404", failures: 1))
        #expect(events.all[3] == .recovered(failures: 1))
        guard case .seriesVanished(2, _) = events.all[0], case .gpusVanished(1, _) = events.all[1],
            case .seriesReturned(2, _) = events.all[4], case .gpusReturned(1, _) = events.all[5]
        else {
            Issue.record("\(events.all)")
            return
        }
        let connections = exporter.connections
        #expect(connections.count >= 3 && Set(connections).count == 1, "\(connections)")
    }

    @Test("what Prometheus says of itself is read to the last line, every sample with its HELP and TYPE")
    func prometheusItself() async throws {
        let server = try await RealServer.prometheus(scrapes: nil)
        let body = try await CurlClient().send(CurlRequest(url: server.url + "/metrics")).body
        var reader = PrometheusTextReader(bytes: body)
        var count = 0
        var types: Set<PrometheusFamily.MetricType> = []
        while let sample = try reader.next() {
            count += 1
            let family = reader.family(of: sample.series)
            #expect(family?.help?.isEmpty == false, "\(reader.series[Int(sample.series)])")
            if let family { types.insert(family.type) }
        }
        #expect(count == String(decoding: body, as: UTF8.self).split(separator: "\n").count { !$0.hasPrefix("#") })
        #expect(count > 100 && types.isSuperset(of: [.counter, .gauge, .histogram, .summary]))
    }

    @Test("GPUs are found in what Prometheus hands on of an exporter, with the labels that it renamed and its times")
    func federation() async throws {
        let (server, exporter) = try await RealServer.nginx()
        try exporter.serve(ScrapeExporter(spelling: .hostnameInCapitals))
        let prometheus = try await RealServer.prometheus(scrapes: server)
        var source = try ScrapeSourceTests.source(
            prometheus.url + "/federate?match[]=%7B__name__%3D~%22DCGM_.*%22%7D", clock: .system
        ) {
            $0.interval = .milliseconds(50)
            $0.timestamps = .source
        }
        // Until Prometheus has scraped, it has nothing to hand on.
        let batch = try #require(try await source.next())
        #expect(batch.values == [36, 41, 112.304, 687.921])
        #expect(batch.metrics.map(\.gpu.uuid) == ScrapeExporter.uuids + ScrapeExporter.uuids)
        let busy = batch.metrics[1]
        #expect(
            busy.gpu.hostname == "dgx-031" && busy.gpu.pod == "llm-0" && busy.gpu.namespace == "research"
                && busy.gpu.container == "train")
        #expect(busy.labels.contains(MetricLabel(name: "pod", value: "dcgm-exporter-7x9")))
        // An idle GPU has only the pod that Prometheus gave the target.
        #expect(batch.metrics[0].gpu.pod == "dcgm-exporter-7x9")
        #expect(Set(batch.timestamps).count == 1)
        #expect(batch.timestamps.allSatisfy { $0 % 1_000_000 == 0 && $0 > 1_700_000_000_000_000_000 })
        #expect(source.progress.rejected.count == 0 && source.progress.scraping?.samplesWithoutGPU == 0)
    }
}
