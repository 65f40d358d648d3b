import FaultSupport
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryScraping
@testable import TelemetryStores

@Suite("Scraping: from text to samples")
struct ScrapeTextTests {
    static let start = Timestamp(nanoseconds: 1_752_871_354_000_000_000)

    /// A source's texts one after the other, 15 s apart.
    struct Texts: ~Copyable {
        var text: ScrapeText
        var now = ScrapeTextTests.start

        init(spareSeries: Int = 10_000, _ change: (inout ScrapeSource.Configuration) -> Void = { _ in }) throws {
            var configuration = ScrapeSource.Configuration(url: "http://exporter:9400/metrics", source: "test")
            change(&configuration)
            text = ScrapeText(
                configuration, target: try ScrapeTarget(configuration), startedAt: now, spareSeries: spareSeries)
        }

        mutating func batches(_ body: String) throws -> [MetricBatch] {
            defer { now.nanoseconds += 15_000_000_000 }
            return try text.read(Array(body.utf8), at: now, clock: LeapingClock(start: now).clock).get()
        }

        mutating func samples(_ body: String) throws -> [GPUMetric] { try batches(body).flatMap { Array($0.metrics) } }
    }

    @Test(
        "every spelling of the exporter gives the same GPUs, with all labels of the line",
        arguments: ScrapeExporter.Spelling.allCases)
    func spellings(spelling: ScrapeExporter.Spelling) throws {
        var texts = try Texts()
        let exporter = ScrapeExporter(spelling: spelling)
        let samples = try texts.samples(exporter.text)
        #expect(
            samples.map(\.metricName) == [
                exporter.temperatureName, exporter.temperatureName, exporter.powerName, exporter.powerName,
            ])
        #expect(samples.map(\.value) == [36, 41, 112.304, 687.921])
        #expect(samples.allSatisfy { $0.timestamp == Self.start })
        #expect(
            samples[0].gpu
                == GPUIdentity(
                    gpuID: "0", device: "nvidia0", uuid: ScrapeExporter.uuids[0], modelName: "NVIDIA H100 80GB HBM3",
                    hostname: "dgx-031"))
        #expect(
            samples[3].gpu
                == GPUIdentity(
                    gpuID: "1", device: "nvidia1", uuid: ScrapeExporter.uuids[1], modelName: "NVIDIA H100 80GB HBM3",
                    hostname: "dgx-031",
                    container: "train", pod: "llm-0", namespace: "research"))
        #expect(samples[3].labels == (try MetricLabel.parse(prometheus: exporter.labels(1))))
        #expect(texts.text.progress.rowsRead == 4 && texts.text.progress.rowsSelected == 4)
        // The next scrape has the same objects.
        let first = samples[0].series
        #expect(try texts.samples(exporter.text)[0].series === first)
    }

    @Test("what is no value gives no sample and is counted by its reason; what cannot be true is delivered and counted")
    func quality() throws {
        var texts = try Texts()
        let samples = try texts.samples(
            ScrapeExporter(
                temperatures: ["NaN", "9223372036854775794"], power: ["+Inf", "100"],
                more: #"""
                    DCGM_FI_DEV_GPU_TEMP{UUID="GPU-2"} ERROR - FAILED TO CONVERT TO STRING
                    DCGM_FI_DEV_GPU_TEMP{UUID="GPU-3"} N/A
                    DCGM_FI_DEV_GPU_TEMP{UUID="GPU-4"} 9000
                    DCGM_FI_DEV_GPU_TEMP{UUID="GPU-5"} warm

                    """#
            ).text)
        #expect(samples.map(\.gpu.uuid) == [ScrapeExporter.uuids[1], "GPU-4"])
        #expect(samples.map(\.value) == [100, 9000])
        let progress = texts.text.progress
        #expect(progress.quality.noValues == [.notFinite: 2, .notSupported: 1, .notConverted: 1, .notAvailable: 1])
        #expect(progress.quality.outOfRange == ["DCGM_FI_DEV_GPU_TEMP": 1])
        #expect(
            progress.quality.firstOutOfRange.first?.hasPrefix(
                "http://exporter:9400/metrics:11: DCGM_FI_DEV_GPU_TEMP is 9000, not 0 to 150 °C") == true)
        #expect(progress.rejected.countsByReason == ["not a number": 1])
        #expect(progress.rejected.first.first?.hasPrefix("http://exporter:9400/metrics:12, byte ") == true)
        // A series without a value is there all the same.
        #expect(texts.text.staleness.live == 7)
    }

    @Test("series of one metric and GPU keep times of their own: MIG instances, links, pods")
    func sharedIdentity() throws {
        let body = #"""
            DCGM_FI_DEV_GPU_TEMP{UUID="GPU-1",GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"} 40
            DCGM_FI_DEV_GPU_TEMP{UUID="GPU-1",GPU_I_PROFILE="1g.10gb",GPU_I_ID="8"} 41
            DCGM_FI_DEV_GPU_TEMP{UUID="GPU-2"} 42
            X{gpu_uuid="GPU-1",nvlink="0"} 1
            X{gpu_uuid="GPU-1",nvlink="1"} 2

            """#
        for timestamps in SampleTimestamps.allCases {
            var texts = try Texts { $0.timestamps = timestamps }
            for scrape in 0..<2 {
                let samples = try texts.samples(body)
                let base = Self.start.nanoseconds + Int64(scrape) * 15_000_000_000
                #expect(samples.map { $0.timestamp.nanoseconds - base } == [0, 1, 0, 0, 1])
                #expect(samples.map(\.value) == [40, 41, 42, 1, 2])
            }
            #expect(texts.text.progress.rejected.count == 0)
        }
        var texts = try Texts()
        #expect(try texts.samples(body)[1].labels.contains(MetricLabel(name: "GPU_I_ID", value: "8")))
    }

    @Test("times of lines are used where that is asked for, and an unchanged text then gives the same samples again")
    func timestamps() throws {
        let body = #"""
            A{UUID="GPU-1",i="1"} 1 1700000000123
            A{UUID="GPU-1",i="2"} 2 1700000000123
            B{UUID="GPU-1"} 3
            C{UUID="GPU-1"} 4 9223372036854775
            D{UUID="GPU-1"} 5 -1

            """#
        var source = try Texts { $0.timestamps = .source }
        let first = try source.samples(body)
        #expect(
            first.map(\.timestamp.nanoseconds) == [
                1_700_000_000_123_000_000, 1_700_000_000_123_000_001, Self.start.nanoseconds, -1_000_000,
            ])
        #expect(source.text.progress.rejected.countsByReason == ["not a timestamp": 1])
        #expect(source.text.progress.rejected.first.first?.contains("9223372036854775 ms is outside the years") == true)
        let second = try source.samples(body)
        #expect(second[0] == first[0] && second[1] == first[1] && second[2] != first[2])
        var now = try Texts()
        #expect(try now.samples(body).map { $0.timestamp.nanoseconds - Self.start.nanoseconds } == [0, 1, 0, 0, 0])
    }

    @Test("a series that a text has twice at the same time counts once, and the other line is told")
    func repeated() throws {
        var now = try Texts()
        let body = "A{UUID=\"GPU-1\"} 1\nA{UUID=\"GPU-1\",} 2\n"
        #expect(try now.samples(body).map(\.value) == [1])
        #expect(
            now.text.progress.rejected.first == ["http://exporter:9400/metrics:2: the text contains the series twice"])
        // Every scrape has one.
        #expect(try now.samples(body).map(\.value) == [1])
        var source = try Texts { $0.timestamps = .source }
        #expect(try source.samples("A{UUID=\"GPU-1\"} 1 1000\nA{UUID=\"GPU-1\"} 2 2000\n").map(\.value) == [1, 2])
    }

    @Test("samples of no GPU are counted apart, and hosts are chosen by name")
    func selection() throws {
        let body = #"""
            go_goroutines 12
            process_cpu_seconds_total 1.5 -99999999999999999
            S{nvswitch="nvswitch0",hostname="a"} 1
            A{UUID="GPU-1",hostname="a-1"} 1
            A{UUID="GPU-2",hostname="b-1"} 2
            A{UUID="GPU-3"} 3

            """#
        var texts = try Texts { $0.hosts = HostFilter("a-*,exporter") }
        #expect(try texts.samples(body).map(\.gpu.uuid) == ["GPU-1", "GPU-3"])
        #expect(texts.text.samplesWithoutGPU == 3)
        #expect(texts.text.progress.rowsRead == 3 && texts.text.progress.rowsSelected == 2)
        #expect(texts.text.progress.rejected.count == 0)
        #expect(texts.text.staleness.live == 2)
    }

    @Test("series that vanish and return are told by name; a text that is none changes nothing")
    func staleness() throws {
        var texts = try Texts()
        let both = ScrapeExporter().text
        let one = ScrapeExporter(temperatures: ["36"], power: ["112"]).text
        let names = ["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE"].map {
            "\($0) of \(ScrapeExporter.uuids[1]) on dgx-031"
        }
        _ = try texts.batches(both)
        #expect(texts.text.events.isEmpty)
        _ = try texts.batches(one)
        let gpu = "\(ScrapeExporter.uuids[1]) on dgx-031"
        #expect(
            texts.text.events == [.seriesVanished(count: 2, examples: names), .gpusVanished(count: 1, examples: [gpu])])
        #expect(texts.text.gpuStaleness.live == 1 && texts.text.gpuStaleness.stale == 1)
        #expect(texts.text.staleness.live == 2 && texts.text.staleness.stale == 2)
        let before = texts.text.progress
        #expect(throws: ScrapeError.self) { try texts.batches("<html>\n<body>502 Bad Gateway</body>\n</html>\n") }
        #expect(throws: ScrapeError.self) { try texts.batches("{\"a\": 1}") }
        #expect(texts.text.progress == before && texts.text.staleness.live == 2)
        _ = try texts.batches(both)
        #expect(
            texts.text.events == [.seriesReturned(count: 2, examples: names), .gpusReturned(count: 1, examples: [gpu])])
        _ = try texts.batches(both)
        #expect(texts.text.events.isEmpty)
        // An exporter may have nothing to say.
        #expect(try texts.batches("# nothing\n").isEmpty)
        #expect(
            texts.text.events == [
                .seriesVanished(
                    count: 4,
                    examples: [
                        "DCGM_FI_DEV_GPU_TEMP of \(ScrapeExporter.uuids[0]) on dgx-031", names[0],
                        "DCGM_FI_DEV_POWER_USAGE of \(ScrapeExporter.uuids[0]) on dgx-031",
                    ]),
                .gpusVanished(count: 2, examples: ["\(ScrapeExporter.uuids[0]) on dgx-031", gpu]),
            ])
    }

    @Test("a text makes as many batches as it needs, and series that come and go do not pile up")
    func manySeries() throws {
        var texts = try Texts(spareSeries: 50) { $0.batchSize = 7 }
        for round in 0..<100 {
            // Ten GPUs that stay, and ten pods that are new every time.
            var body = ""
            for i in 0..<10 {
                body += "A{UUID=\"GPU-\(i)\"} \(round)\nA{UUID=\"GPU-\(i)\",pod=\"p-\(round)-\(i)\"} \(i)\n"
            }
            let batches = try texts.batches(body)
            #expect(batches.map(\.count) == [7, 7, 6])
            let samples = batches.flatMap { Array($0.metrics) }
            #expect(samples.map(\.gpu.uuid) == (0..<10).flatMap { ["GPU-\($0)", "GPU-\($0)"] })
            #expect(samples.map(\.gpu.pod) == (0..<10).flatMap { ["", "p-\(round)-\($0)"] })
            #expect(samples.map(\.value) == (0..<10).flatMap { [Double(round), Double($0)] })
            #expect(Set(samples.map { "\($0.gpu.uuid) \($0.timestamp.nanoseconds)" }).count == 20)
            #expect(samples[0].timestamp.nanoseconds == Self.start.nanoseconds + Int64(round) * 15_000_000_000)
            #expect(texts.text.staleness.live == 20 && texts.text.staleness.stale <= 90)
            if round > 0 {
                guard case .seriesVanished(10, let examples) = texts.text.events.first else {
                    Issue.record("round \(round): \(texts.text.events)")
                    continue
                }
                #expect(examples.count == 3)
                // A job that ends takes no GPU with it.
                #expect(texts.text.events.count == 1)
                #expect(texts.text.gpuStaleness.live == 10 && texts.text.gpuStaleness.stale == 0)
            }
        }
    }
}
