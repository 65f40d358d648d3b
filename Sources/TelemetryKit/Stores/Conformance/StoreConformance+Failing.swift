import TelemetryModels

extension StoreConformance {
    /// Texts that are canonically equivalent in Unicode and differ in their bytes: é as one scalar and as two, the
    /// Ångström sign and the letter, marks in another order; and texts that differ only in case or in blanks.
    static let likeTexts = [
        "caf\u{E9}", "cafe\u{301}", "\u{212B}", "\u{C5}", "A\u{30A}", "q\u{307}\u{323}", "q\u{323}\u{307}", "CAF\u{C9}",
        "caf\u{E9} ", "\u{FB01}", "fi",
    ]

    static func likeTexts(_ it: inout StoreExamination) async throws {
        it.context = "uuids, hosts, metrics and labels that are canonically equivalent, or alike, and differ in bytes"
        let texts = likeTexts
        var samples: [GPUMetric] = []
        for (i, text) in texts.enumerated() {
            let labels = [MetricLabel(name: "note", value: text)]
            // Each text as a uuid with one metric name, as a metric name of one GPU, and as a host.
            samples.append(
                it.sample(
                    SuiteSamples.series("SAME", gpu: text, host: text, model: text, pod: text, labels: labels), i,
                    Double(i)))
            samples.append(it.sample(SuiteSamples.series(text, gpu: "GPU-same", host: "same"), i, Double(100 + i)))
        }
        try await it.write(samples)
        // All at the same time: a store that confuses two of them loses a sample.
        try await it.write(
            texts.enumerated().map {
                it.sample(SuiteSamples.series("SAME", gpu: $1, host: $1, model: $1, pod: $1), 1000, Double($0))
            })
        try await it.askTelemetry(TelemetryQuery(SampleFilter()))
        try await it.askTelemetryByCursor(SampleFilter(), limit: 3)
        try await it.askGPUs(SampleFilter())
        try await it.askMetrics(nil)
        try await it.askStatistics()
        try await it.askSeries(SampleFilter())
        try await it.askLatest(SampleFilter())
        for text in texts {
            try await it.askGPU(text)
            try await it.askTelemetry(TelemetryQuery(uuid: text))
            try await it.askTelemetry(TelemetryQuery(SampleFilter(metricNames: [text])))
            try await it.askGPUs(SampleFilter(hostnames: [text]))
            try await it.askLatest(SampleFilter(modelNames: [text]))
            try await it.askMetrics(text)
        }
        for grouping in AggregateQuery.Grouping.allCases {
            for function in [AggregateQuery.Function.count, .max, .p95] {
                let window = Duration.nanoseconds(it.traits.tick * 10_000)
                try await it.askAggregate(
                    AggregateQuery(metricName: "SAME", function: function, window: window, grouping: grouping))
                let some = SampleFilter(hostnames: Array(texts.prefix(2)))
                try await it.askAggregate(
                    AggregateQuery(
                        metricName: "SAME", filter: some, function: function, window: window, grouping: grouping))
            }
        }
    }

    /// Samples of several GPUs, metrics and batches: the part's own, and some of the previous part.
    static func writePart(_ part: Int, _ it: inout StoreExamination) async throws {
        try await it.write(batches(it, from: part * 40, count: 60, value: 0))
    }

    private static func batches(_ it: StoreExamination, from start: Int, count: Int, value: Double) -> [MetricBatch] {
        (0..<4).map { gpu in
            let series = ["K_A", "K_B"].map {
                SuiteSamples.series($0, gpu: "GPU-k\(gpu)", id: "\(gpu)", host: "host-\(gpu / 2)")
            }
            return MetricBatch(
                batchID: "\(start)-\(gpu)", source: "conformance", collectedAt: SuiteSamples.start,
                metrics: (start..<start + count).flatMap { tick in
                    series.map { it.sample($0, tick * 1000, value + Double(tick * 10 + gpu)) }
                })
        }
    }

    /// A write that fails midway is reported, and repeating it completes all samples.
    static func failedWrite(_ it: inout StoreExamination, _ failNextWrite: () async throws -> Void) async throws {
        it.context = "some samples were written before"
        try await writePart(0, &it)
        let batches = batches(it, from: 30, count: 60, value: 0)
        try await failNextWrite()
        if try await !it.writeFails(batches) {
            // It may have retried by itself: then all samples must be stored.
            it.context = "a write that failed part way through was reported as stored"
            for batch in batches { it.note(batch) }
            try await it.settleStore()
            return try await it.askEverything()
        }
        it.context = "a write failed part way through and was repeated"
        try await it.write(batches)
        try await it.askEverything()
    }
}
