import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryScraping
@testable import TelemetryStores

@Suite("Scraping: decisions")
struct ScrapeDecisionTests {
    /// Scrapes that take so many seconds each, and the moments at which they begin where they are due every 10 s.
    @Test(
        "scrapes begin at whole intervals from the first; one that takes too long leaves out what it missed",
        arguments: [
            ([0, 0, 0, 0], [0, 10, 20, 30], 0),
            ([3, 9, 1, 0], [0, 10, 20, 30], 0),
            ([10, 10, 0], [0, 10, 20], 0),
            ([11, 0, 0], [0, 20, 30], 1),
            ([25, 0, 11, 0], [0, 30, 40, 60], 3),
        ] as [([Int], [Int], Int)])
    func schedule(durations: [Int], starts: [Int], skipped: Int) {
        var schedule = ScrapeSchedule(interval: .seconds(10))
        var now = Duration.seconds(1_000)
        var began: [Duration] = []
        for duration in durations {
            now += max(.zero, schedule.wait(at: now))
            #expect(schedule.wait(at: now) == .zero)
            schedule.begin(at: now)
            began.append(now - .seconds(1_000))
            now += .seconds(duration)
            schedule.end(at: now)
        }
        #expect(began == starts.map { .seconds($0) })
        #expect(schedule.skipped(at: now) == skipped)
    }

    @Test("who comes late is served at once, and the next time is again a whole interval from the first")
    func late() {
        var schedule = ScrapeSchedule(interval: .seconds(10))
        #expect(schedule.wait(at: .seconds(5)) == .zero)
        schedule.begin(at: .seconds(5))
        schedule.end(at: .seconds(6))
        #expect(schedule.wait(at: .seconds(6)) == .seconds(9))
        // Each counts when the next is due, though nobody came yet.
        for (second, skipped) in [(16, 0), (24, 0), (26, 1), (34, 1), (36, 2)] {
            #expect(schedule.skipped(at: .seconds(second)) == skipped)
        }
        // Due at 15, 25 and 35: the last of them is taken.
        #expect(schedule.wait(at: .seconds(38)) < .zero)
        schedule.begin(at: .seconds(38))
        schedule.end(at: .seconds(38.5))
        #expect(schedule.skipped(at: .seconds(38.5)) == 2)
        #expect(schedule.wait(at: .seconds(38.5)) == .seconds(6.5))
    }

    @Test("series vanish and return by what good scrapes have")
    func staleness() {
        var staleness = ScrapeStaleness()
        let scrapes: [(has: [UInt32], live: Int, stale: Int, vanished: [UInt32], returned: [UInt32])] = [
            ([0, 1, 2], 3, 0, [], []),
            ([0, 1, 2, 1], 3, 0, [], []),
            ([0, 2], 2, 1, [1], []),
            ([0], 1, 2, [2], []),
            ([0, 2, 1, 4], 4, 0, [], [1, 2]),
            ([], 0, 4, [0, 1, 2, 4], []),
            ([], 0, 4, [], []),
            ([4, 5], 2, 3, [], [4]),
        ]
        for (number, expected) in scrapes.enumerated() {
            staleness.begin()
            for series in expected.has { staleness.see(series) }
            staleness.end()
            #expect(staleness.live == expected.live && staleness.stale == expected.stale, "scrape \(number)")
            #expect(
                staleness.vanished == expected.vanished && staleness.returned == expected.returned, "scrape \(number)")
        }
    }

    @Test("series that get other numbers keep what is known of them")
    func renumbering() {
        var staleness = ScrapeStaleness()
        for has in [[0, 1, 2], [0, 2]] as [[UInt32]] {
            staleness.begin()
            for series in has { staleness.see(series) }
            staleness.end()
        }
        #expect(staleness.stale == 1)
        staleness.renumber([0, nil, 1])
        #expect(staleness.stale == 0 && staleness.live == 2)
        staleness.begin()
        staleness.see(1)
        staleness.end()
        #expect(staleness.vanished == [0] && staleness.returned.isEmpty && staleness.live == 1)
    }

    @Test(
        "labels of exporters, old and new, and of Prometheus name the same parts of a GPU",
        arguments: [
            // Before 4.6.
            (
                #"gpu="0",UUID="GPU-1",device="nvidia0",modelName="H100",Hostname="h",container="c",namespace="n",pod="p""#,
                "0 nvidia0 GPU-1 H100 h c p n"
            ),
            // Since.
            (
                #"gpu="0",UUID="GPU-1",device="nvidia0",modelName="H100",hostname="h",container="c",namespace="n",pod="p""#,
                "0 nvidia0 GPU-1 H100 h c p n"
            ),
            // The old namespace.
            (
                #"gpu="0",uuid="GPU-1",device="nvidia0",container_name="c",pod_namespace="n",pod_name="p""#,
                "0 nvidia0 GPU-1  url c p n"
            ),
            // NVLinks.
            (
                #"nvlink="3",gpu="0",gpu_uuid="GPU-1",device="nvidia0",model_name="H100",hostname="h""#,
                "0 nvidia0 GPU-1 H100 h   "
            ),
            // Through Prometheus, which had a pod of its own for the target.
            (
                #"gpu="0",UUID="GPU-1",instance="h:9400",pod="exporter",exported_pod="p",container="e",exported_container="c",namespace="m",exported_namespace="n""#,
                "0  GPU-1  h c p n"
            ),
            (#"UUID="GPU-1",hostname="",Hostname="h",pod="""#, "  GPU-1  h   "),
            (#"UUID="",uuid="GPU-1",gpu_id="7",instance="[fe80::1]:9400""#, "7  GPU-1  fe80::1   "),
            (#"UUID="GPU-1",instance="fe80::1""#, "  GPU-1  fe80::1   "),
            (#"UUID="GPU-1",instance="h""#, "  GPU-1  h   "),
            (#"UUID="GPU-1""#, "  GPU-1  url   "),
        ])
    func labels(text: String, parts: String) throws {
        let gpu = ScrapeLabels.gpu(of: try MetricLabel.parse(prometheus: text), host: "url")
        let found = gpu.map {
            [$0.gpuID, $0.device, $0.uuid, $0.modelName, $0.hostname, $0.container, $0.pod, $0.namespace].joined(
                separator: " ")
        }
        #expect(found == parts)
    }

    @Test(
        "switches, processors, links of switches and the exporter itself are no GPU",
        arguments: [
            #"nvswitch="nvswitch0",Hostname="h""#, #"cpu="0",Hostname="h""#, #"cpucore="1",cpu="0""#,
            #"nvlink="1",nvswitch="nvswitch0""#, "",
            #"version="go1.22""#, #"UUID="""#,
        ])
    func noGPU(text: String) throws {
        #expect(ScrapeLabels.gpu(of: try MetricLabel.parse(prometheus: text), host: "url") == nil)
    }

    @Test("samples of one metric and GPU never share a time, from series to series and from scrape to scrape")
    func stamps() {
        func series(_ metric: String, _ uuid: String, _ instance: String) -> MetricSeries {
            MetricSeries(
                metricName: metric, gpu: GPUIdentity(gpuID: "0", device: "", uuid: uuid, modelName: "", hostname: "h"),
                labels: [MetricLabel(name: "GPU_I_ID", value: instance)])
        }
        var stamps = ScrapeStamps()
        #expect(
            [("A", "1", "1"), ("A", "1", "2"), ("A", "2", "1"), ("B", "1", "1"), ("A", "1", "3")].map {
                stamps.distance(of: series($0, $1, $2))
            } == [0, 1, 0, 0, 2])
        #expect(stamps.begin(at: Timestamp(nanoseconds: 1_000)) == 1_000)
        #expect(stamps.begin(at: Timestamp(nanoseconds: 5_000)) == 5_000)
        // 5,000 to 5,002 are taken.
        #expect(stamps.begin(at: Timestamp(nanoseconds: 5_002)) == 5_003)
        #expect(stamps.begin(at: Timestamp(nanoseconds: 100)) == 5_006)
        #expect(stamps.begin(at: Timestamp(nanoseconds: 5_009)) == 5_009)
        stamps.keep([series("A", "1", "2")])
        #expect(stamps.distance(of: series("A", "1", "4")) == 3)
        #expect(stamps.distance(of: series("B", "1", "2")) == 0)
    }
}
