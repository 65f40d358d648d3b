import TelemetryModels

extension StoreConformance {
    /// Three metrics of a GPU; one has gaps, so that the series of a merge do not advance in step.
    private static func writeThreeMetrics(_ it: inout StoreExamination) async throws {
        var samples: [GPUMetric] = []
        for (i, name) in ["P_A", "P_B", "P_C"].enumerated() {
            let series = SuiteSamples.series(name, gpu: "GPU-p")
            for tick in 0..<50 where i != 1 || tick % 3 == 0 {
                samples.append(it.sample(series, tick * 1000, Double(tick * 10 + i)))
            }
        }
        try await it.write(samples)
    }

    static func pages(_ it: inout StoreExamination) async throws {
        it.context = "117 samples of 3 metrics in 50 ticks"
        try await writeThreeMetrics(&it)
        for metric in [nil, "P_A", "P_B"] {
            for range in [(nil, nil), (10, 20), (nil, 7), (45, nil), (20, 10), (60, nil), (-5, -1)] as [(Int?, Int?)] {
                for (limit, offset) in [(nil, 0), (5, 0), (5, 3), (7, 40), (0, 0), (1000, 0), (10, 1000), (nil, 4)]
                    as [(Int?, Int)]
                {
                    try await it.askTelemetry(
                        TelemetryQuery(
                            uuid: "GPU-p", metricName: metric, startTime: range.0.map { it.time($0 * 1000) },
                            endTime: range.1.map { it.time($0 * 1000) },
                            limit: limit, offset: offset))
                }
            }
        }
        for limit in [1, 2, 40] { try await it.askTelemetryByCursor(SampleFilter(), limit: limit) }
        // A cursor need not be the position of a sample.
        for cursor in [
            SampleCursor(timestamp: it.time(3500), metricName: "P_B", uuid: "GPU-p"),
            SampleCursor(timestamp: it.time(3000), metricName: "P_B", uuid: "A"),
            SampleCursor(timestamp: it.time(3000), metricName: "", uuid: ""),
            SampleCursor(timestamp: it.time(3000), metricName: "Z", uuid: ""),
            SampleCursor(timestamp: it.time(-1), metricName: "Z", uuid: ""),
            SampleCursor(timestamp: it.time(60_000), metricName: "", uuid: ""),
        ] {
            try await it.askTelemetry(TelemetryQuery(SampleFilter(), limit: 4, offset: 0, after: cursor))
            try await it.askTelemetry(TelemetryQuery(SampleFilter(), limit: 4, offset: 3, after: cursor))
            try await it.askTelemetry(TelemetryQuery(SampleFilter(), after: cursor, countsTotal: false))
        }
    }

    static func stablePages(_ it: inout StoreExamination) async throws {
        it.context = "between two pages more samples arrived, before, at and behind the cursor"
        try await writeThreeMetrics(&it)
        var query = TelemetryQuery(SampleFilter(), limit: 40, countsTotal: false)
        var round = 0
        while true {
            let items = try await it.askTelemetry(query)
            guard items.count == 40, let last = items.last, round < 10 else { return }
            round += 1
            query.after = SampleCursor(last)
            let ticks = Int((last.timestamp.nanoseconds - SuiteSamples.start.nanoseconds) / it.traits.tick)
            try await it.write([
                it.sample(SuiteSamples.series("P_0", gpu: "GPU-p"), ticks - 1, 1),
                it.sample(SuiteSamples.series("P_0", gpu: "GPU-p"), ticks, 2),
                it.sample(SuiteSamples.series("P_Z", gpu: "GPU-p"), ticks, 3),
                it.sample(SuiteSamples.series("P_0", gpu: "GPU-p"), ticks + 1, 4),
                it.sample(SuiteSamples.series("P_A", gpu: "GPU-0"), -round, 5),
            ])
        }
    }

    /// Six GPUs on three hosts, of two models.
    private static func writeFleet(_ it: inout StoreExamination) async throws {
        var samples: [GPUMetric] = []
        for gpu in 0..<6 {
            for (m, metric) in ["F_A", "F_B", "F_C"].enumerated() where (gpu + m) % 4 != 3 {
                let series = SuiteSamples.series(
                    metric, gpu: "GPU-\(gpu)", id: "\(gpu % 2)", host: "host-\(gpu / 2)",
                    model: gpu % 3 == 0 ? "A100" : "H100")
                for i in 0..<20 {
                    samples.append(it.sample(series, i * 1000 + gpu * 100 + m, Double((i * 7 + gpu * 5 + m) % 23) / 4))
                }
            }
        }
        try await it.write(samples)
    }

    static func filters(_ it: inout StoreExamination) async throws {
        it.context = "6 GPUs on 3 hosts, of 2 models"
        try await writeFleet(&it)
        let filters = [
            SampleFilter(hostnames: ["host-1"]), SampleFilter(hostnames: ["host-0", "host-2"]),
            SampleFilter(hostnames: ["host"]),
            SampleFilter(modelNames: ["A100"]), SampleFilter(modelNames: ["A100", "H100"]),
            SampleFilter(modelNames: ["A"]),
            SampleFilter(uuids: ["GPU-4"]), SampleFilter(uuids: ["GPU-4", "GPU-0", "none"]), SampleFilter(uuids: [""]),
            SampleFilter(metricNames: ["F_B"]), SampleFilter(metricNames: ["F_A", "F_C"]),
            SampleFilter(metricNames: ["F_"]),
            SampleFilter(
                metricNames: ["F_A", "F_A"], uuids: ["GPU-1", "GPU-2", "GPU-3"], hostnames: ["host-1", "host-0"],
                modelNames: ["H100"]),
            SampleFilter(hostnames: ["host-1"], startTime: it.time(5100), endTime: it.time(9302)),
            SampleFilter(startTime: it.time(18_501)),
            SampleFilter(endTime: it.time(200)), SampleFilter(startTime: it.time(7000), endTime: it.time(6000)),
            SampleFilter(startTime: Timestamp(nanoseconds: .min), endTime: Timestamp(nanoseconds: .max)),
            SampleFilter(startTime: Timestamp(nanoseconds: .max)), SampleFilter(endTime: Timestamp(nanoseconds: .min)),
        ]
        for filter in filters {
            try await it.askTelemetry(TelemetryQuery(filter))
            try await it.askTelemetry(TelemetryQuery(filter, limit: 9, offset: 2))
            try await it.askTelemetryByCursor(filter, limit: 30)
            try await it.askGPUs(filter)
            try await it.askLatest(filter)
            try await it.askSeries(filter)
            try await it.askAggregate(
                AggregateQuery(
                    metricName: "F_B", filter: filter, function: .sum, window: .nanoseconds(it.traits.tick * 3000),
                    grouping: .host))
        }
    }

    static func lists(_ it: inout StoreExamination) async throws {
        it.context = "GPUs whose order is that of their hosts and of numbers"
        let series = [
            ("L_1", "GPU-10", "10", "a-host"), ("L_1", "GPU-2", "2", "a-host"), ("L_2", "GPU-2", "2", "a-host"),
            ("L_1", "GPU-x", "x", "a-host"),
            ("L_1", "GPU-b0", "0", "b-host"), ("L_0", "GPU-B0", "0", "b-host"), ("l_1", "GPU-é", "1", "B-host"),
        ]
        try await it.write(
            series.enumerated().map { i, name in
                it.sample(SuiteSamples.series(name.0, gpu: name.1, id: name.2, host: name.3), i, 1)
            })
        for (limit, offset) in [(Int.max, 0), (2, 1), (2, 5), (5, 10_000), (0, 0)] {
            try await it.askGPUs(SampleFilter(), limit: limit, offset: offset)
            try await it.askSeries(SampleFilter(), limit: limit, offset: offset)
        }
        for uuid in [nil, "GPU-2", "GPU-é", "gpu-2"] { try await it.askMetrics(uuid) }
        try await it.askStatistics()
        it.context = "the workload moved: the newest sample speaks for the GPU, and each sample keeps its own"
        let moved = SuiteSamples.series(
            "L_1", gpu: "GPU-b0", id: "0", host: "b-host", pod: "train-1",
            labels: [MetricLabel(name: "pod", value: "train-1")])
        try await it.write([it.sample(moved, 9, 2)])
        try await it.askGPU("GPU-b0")
        try await it.askTelemetry(TelemetryQuery(uuid: "GPU-b0"))
        try await it.askSeries(SampleFilter(uuids: ["GPU-b0"]))
        try await it.askLatest(SampleFilter(uuids: ["GPU-b0"]))
        try await it.askSeries(SampleFilter(uuids: ["GPU-b0"], endTime: it.time(8)))
        it.context = "the GPU moved to another host: each sample is found under its own"
        try await it.write([it.sample(SuiteSamples.series("L_1", gpu: "GPU-b0", id: "7", host: "c-host"), 20, 3)])
        for filter in [SampleFilter(), SampleFilter(hostnames: ["b-host"]), SampleFilter(hostnames: ["c-host"])] {
            try await it.askGPUs(filter)
            try await it.askTelemetry(TelemetryQuery(filter))
            try await it.askSeries(filter)
            try await it.askLatest(filter)
        }
        try await it.askStatistics()
    }

    static func aggregates(_ it: inout StoreExamination) async throws {
        it.context = "6 GPUs on 3 hosts; values are quarters, so that sums are exact"
        try await writeFleet(&it)
        let tick = it.traits.tick
        var filters = [
            SampleFilter(), SampleFilter(hostnames: ["host-0", "host-1"]),
            SampleFilter(metricNames: ["is not looked at"], modelNames: ["H100"]),
            // These cut windows.
            SampleFilter(startTime: it.time(2150), endTime: it.time(14_720)),
            SampleFilter(startTime: it.time(2100), endTime: it.time(2300)),
        ]
        filters.append(SampleFilter(startTime: Timestamp(nanoseconds: it.time(3000).nanoseconds - 1)))
        for function in AggregateQuery.Function.allCases {
            for grouping in AggregateQuery.Grouping.allCases {
                for filter in filters {
                    for window in [1000 * tick, 3000 * tick, 7777 * tick, 1_000_000_000_000] {
                        try await it.askAggregate(
                            AggregateQuery(
                                metricName: "F_A", filter: filter, function: function, window: .nanoseconds(window),
                                grouping: grouping))
                    }
                }
            }
            try await it.askAggregate(AggregateQuery(metricName: "F_A", function: function, window: .microseconds(1)))
            try await it.askAggregate(
                AggregateQuery(metricName: "F_A", function: function, window: .nanoseconds(1_000_001)))
            try await it.askAggregate(
                AggregateQuery(metricName: "F_A", function: function, window: .seconds(1 << 34), grouping: .cluster))
        }
    }

    /// Writes random samples, and runs random queries after each write.
    static func randomWrites(_ it: inout StoreExamination, seed: UInt64, rounds: Int) async throws {
        var random = SuiteRandom(seed: seed)
        let (tick, replacement) = (it.traits.tick, it.traits.replacement)
        let (gpus, names, hosts, models) = (
            (0..<6).map { "GPU-\($0)" }, ["A", "B", "C"], ["host-0", "host-1"], ["A100", "H100"]
        )
        /// The sample at a position; another variant has other content.
        func made(_ it: StoreExamination, gpu: Int, name: String, place: Int, choice: Int) -> GPUMetric {
            let pod = "p\((it.traits.sharesWorkload ? gpu + place : choice) % 3)"
            // If the identity may change with a second write, it does, and the workload may be removed.
            let moves = replacement == .everything ? choice : 1
            let series = SuiteSamples.series(
                name, gpu: gpus[gpu], id: "\(gpu * 5)", host: hosts[(gpu + moves) % 2],
                model: models[(gpu + moves / 2) % 2],
                pod: moves % 5 == 0 ? "" : pod, labels: [MetricLabel(name: "pod", value: pod)])
            return it.sample(series, place * 37, Double(choice % 101 - 50) / 8)
        }
        let span = 300
        for round in 0..<rounds {
            it.context = "seed \(seed), round \(round)"
            let samples = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                let (gpu, name, place) = (
                    Int.random(in: 0..<6, using: &random), names.randomElement(using: &random)!,
                    Int.random(in: 0..<span, using: &random)
                )
                // If nothing is replaced, a position always has the same content.
                let own = gpu * 31 + place * 17 + names.firstIndex(of: name)! * 7
                let choice = replacement == .nothing ? own % 1000 : Int.random(in: 0..<1000, using: &random)
                return made(it, gpu: gpu, name: name, place: place, choice: choice)
            }
            let batch = MetricBatch(
                batchID: "\(round)", source: "conformance", collectedAt: SuiteSamples.start, metrics: samples)
            try await it.write(round % 3 == 0 ? [batch, batch] : [batch])

            func time() -> Timestamp? {
                if Bool.random(using: &random) { return nil }
                let place = it.time(Int.random(in: -370...310 * 37, using: &random))
                return Timestamp(nanoseconds: place.nanoseconds + Int64.random(in: 0..<tick, using: &random))
            }
            func some(_ texts: [String]) -> [String] {
                texts.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
            }
            let filter = SampleFilter(
                metricNames: some(names + ["none"]), uuids: some(gpus + ["none"]), hostnames: some(hosts + ["none"]),
                modelNames: some(models + ["none"]),
                startTime: time(), endTime: time())
            let uuid = (gpus + ["none"]).randomElement(using: &random)!
            try await it.askStatistics()
            try await it.askGPUs(SampleFilter(), limit: 4, offset: round % 4)
            try await it.askGPU(uuid)
            try await it.askMetrics(uuid)
            try await it.askMetrics(nil)
            try await it.askGPUs(filter, limit: 3, offset: 1)
            try await it.askLatest(filter)
            try await it.askSeries(filter, limit: 5, offset: 2)
            for function in AggregateQuery.Function.allCases {
                try await it.askAggregate(
                    AggregateQuery(
                        metricName: "A", filter: filter, function: function,
                        window: .nanoseconds(
                            [1000 * tick, 3000 * tick, 1_000_000 * tick, 1500].randomElement(using: &random)!),
                        grouping: .allCases.randomElement(using: &random)!))
            }
            try await it.askTelemetryByCursor(filter, limit: 37)
            try await it.askTelemetry(
                TelemetryQuery(
                    uuid: uuid, metricName: [nil, "A", "C", "none"].randomElement(using: &random)!, startTime: time(),
                    endTime: time(),
                    limit: [nil, 0, 1, 10, 500].randomElement(using: &random)!,
                    offset: [0, 1, 20, 300].randomElement(using: &random)!))
        }
    }
}
