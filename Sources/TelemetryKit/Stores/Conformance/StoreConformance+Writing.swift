import TelemetryModels

extension StoreConformance {
    static func emptyStore(_ it: inout StoreExamination) async throws {
        it.context = "the store is empty"
        try await askAll(&it)
        try await it.write([MetricBatch]())
        try await it.write([GPUMetric]())
        it.context = "nothing but empty batches was written"
        try await askAll(&it)
        do {
            try await it.store.checkHealth()
        } catch {
            try it.violation("a store that answers is healthy", "checkHealth()", "thrown: \(error)", "no error")
        }
    }

    private static func askAll(_ it: inout StoreExamination) async throws {
        try await it.askEverything()
        try await it.askGPU("none")
        try await it.askMetrics("none")
        try await it.askLatest(SampleFilter())
        try await it.askSeries(SampleFilter())
        try await it.askTelemetry(TelemetryQuery(uuid: "none"))
        try await it.askAggregate(AggregateQuery(metricName: "none", function: .avg, window: .seconds(1)))
    }

    static func valuesAndTexts(_ it: inout StoreExamination) async throws {
        it.context = "values, labels and a workload that must come back as they were"
        let labels = [
            MetricLabel(name: "job", value: "dgx,\"x\"\\ \n=é"), MetricLabel(name: "a", value: ""),
            MetricLabel(name: "odd name\"", value: "{}"),
            MetricLabel(name: "uuid", value: "not the GPU's"), MetricLabel(name: "__name__", value: "not the metric's"),
            MetricLabel(name: "", value: "x"),
        ]
        let plain = SuiteSamples.series("EXACT", gpu: "GPU-exact")
        let rich = SuiteSamples.series("RICH", gpu: "GPU-exact", pod: "train-0", labels: labels)
        let tick = it.traits.tick
        // A time that is not a multiple of the resolution is rounded down.
        let between = GPUMetric(
            timestamp: Timestamp(nanoseconds: it.time(123_456).nanoseconds + tick - 1), value: 1, series: rich)
        let samples = SuiteSamples.values(digits: it.traits.significantDigits).enumerated().map {
            it.sample(plain, $0, $1)
        }
        try await it.write(samples + [between])
        try await it.askTelemetry(TelemetryQuery(uuid: "GPU-exact", metricName: "EXACT"))
        try await it.askTelemetry(TelemetryQuery(uuid: "GPU-exact", metricName: "RICH"))
        try await it.askLatest(SampleFilter())
        try await it.askGPU("GPU-exact")
        for (from, to) in [(between.timestamp, nil), (nil, between.timestamp), (it.time(123_456), it.time(123_456))]
            as [(Timestamp?, Timestamp?)]
        {
            try await it.askTelemetry(TelemetryQuery(uuid: "GPU-exact", startTime: from, endTime: to))
        }
        // A value that JSON cannot represent is not a sample; a sample that is too old has expired.
        let none = [Double.nan, .infinity, -.infinity].enumerated().map { it.sample(plain, 200_000 + $0, $1) }
        let earliest = it.traits.earliestTime.nanoseconds
        let old =
            earliest > .min ? [GPUMetric(timestamp: Timestamp(nanoseconds: earliest - 1), value: 1, series: plain)] : []
        try await it.write(none + old + [it.sample(plain, 300_000, 1)])
        try await it.askTelemetry(TelemetryQuery(uuid: "GPU-exact"))
        try await it.askStatistics()
    }

    static func hostileTexts(_ it: inout StoreExamination) async throws {
        it.context = "names, identities and labels that are special characters"
        let texts = SuiteSamples.hostileTexts
        try await it.write(
            texts.enumerated().map { i, text in
                let gpu = GPUIdentity(
                    gpuID: text, device: text, uuid: "u" + text, modelName: text, hostname: text, container: text,
                    pod: text, namespace: text)
                return it.sample(
                    MetricSeries(metricName: "m" + text, gpu: gpu, labels: [MetricLabel(name: "text", value: text)]), i,
                    Double(i))
            })
        for text in texts {
            try await it.askTelemetry(TelemetryQuery(uuid: "u" + text, metricName: "m" + text, limit: 10))
            try await it.askGPU("u" + text)
            try await it.askMetrics("u" + text)
            // For texts that are not stored nothing is found, whatever they mean in a query language.
            try await it.askGPU(text)
            try await it.askTelemetry(TelemetryQuery(uuid: "u' ", metricName: text))
            try await it.askLatest(SampleFilter(metricNames: ["m" + text], hostnames: [text], modelNames: [text]))
            try await it.askAggregate(
                AggregateQuery(metricName: "m" + text, function: .max, window: .seconds(1), grouping: .host))
        }
        let some = texts.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
        try await it.askSeries(SampleFilter(hostnames: some))
        try await it.askSeries(
            SampleFilter(metricNames: some.map { "m" + $0 }, uuids: some.map { "u" + $0 }, modelNames: some))
        try await it.askGPUs(SampleFilter())
        try await it.askStatistics()
    }

    static func secondWrites(_ it: inout StoreExamination) async throws {
        it.context = "100 samples, written once more"
        let series = SuiteSamples.series(
            "AGAIN", gpu: "GPU-r", pod: "train-0", labels: [MetricLabel(name: "a", value: "1")])
        let samples = (0..<100).map { it.sample(series, $0 * 1000, Double($0)) }
        try await it.write(samples)
        try await it.write(samples)
        try await it.write(samples.reversed() + samples)
        try await it.askEverything()
        let last = AggregateQuery(
            metricName: "AGAIN", function: .count, window: Duration.nanoseconds(it.traits.tick * 7000))
        try await it.askAggregate(last)
        switch it.traits.replacement {
        case .everything, .valueAndWorkload:
            it.context = "a sample that was written again with another value"
            try await it.write([it.sample(series, 5000, -1)])
            try await it.askTelemetry(TelemetryQuery(uuid: "GPU-r"))
            it.context = "samples that were written again with another value, pod and labels"
            let moved = SuiteSamples.series(
                "AGAIN", gpu: "GPU-r", pod: "train-1", labels: [MetricLabel(name: "a", value: "2")])
            try await it.write([it.sample(moved, 7000, -2), it.sample(moved, 99_000, -3)])
            try await it.askEverything()
            guard it.traits.replacement == .everything else { return }
            it.context = "samples that were written again from another host, without workload and labels"
            let other = SuiteSamples.series("AGAIN", gpu: "GPU-r", id: "3", host: "host-2", model: "other")
            try await it.write([it.sample(other, 8000, -4), it.sample(other, 99_000, -5)])
            try await it.askEverything()
            try await it.askTelemetry(TelemetryQuery(SampleFilter(hostnames: ["host-2"])))
        case .nothing:
            it.context = "a sample that was written again with another value"
            // Either may be stored; the model cannot know which.
            let place = it.time(5000)
            try await it.store.write([
                MetricBatch(batchID: "b", source: "s", collectedAt: place, metrics: [it.sample(series, 5000, 6)])
            ])
            try await it.settleStore()
            let query = TelemetryQuery(uuid: "GPU-r", startTime: place, endTime: place)
            let values = try await it.store.telemetry(query).items.map(\.value)
            if values != [5], values != [6] {
                try it.violation(
                    "of different samples with one identity one stands", "telemetry(\(query))", values, "[5] or [6]")
            }
        }
    }

    static func outOfOrder(_ it: inout StoreExamination) async throws {
        it.context = "3000 samples written in random order"
        var random = SuiteRandom(seed: 7)
        let series = SuiteSamples.series("SHUFFLED", gpu: "GPU-s")
        let order = (0..<3000).shuffled(using: &random)
        for part in stride(from: 0, to: order.count, by: 1000) {
            try await it.write(order[part..<part + 1000].map { it.sample(series, $0, Double($0)) })
        }
        try await it.askTelemetry(TelemetryQuery(uuid: "GPU-s"))
        try await it.askGPU("GPU-s")
        try await it.askLatest(SampleFilter())
        try await it.askAggregate(
            AggregateQuery(metricName: "SHUFFLED", function: .p95, window: .nanoseconds(it.traits.tick * 1000)))
    }

    static func concurrency(_ it: inout StoreExamination) async throws {
        it.context = "8 writers and readers at once"
        let store = it.store
        let batches = (0..<8).map { writer in
            (0..<5).map { part in
                let series = SuiteSamples.series("M_\(writer)")
                return MetricBatch(
                    batchID: "\(writer)-\(part)", source: "conformance", collectedAt: SuiteSamples.start,
                    metrics: (0..<200).map { it.sample(series, part * 200 + $0, Double($0)) })
            }
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for list in batches {
                    group.addTask {
                        for batch in list {
                            try await store.write([batch])
                            _ = try await store.telemetry(TelemetryQuery(uuid: "GPU-a", limit: 10))
                        }
                    }
                }
                try await group.waitForAll()
            }
        } catch {
            try it.violation(
                "every method may be called from any number of tasks", "write and telemetry", "thrown: \(error)",
                "no error")
        }
        // The same write again changes nothing, and updates the model.
        try await it.write(batches.flatMap { $0 })
        try await it.askStatistics()
        try await it.askSeries(SampleFilter())
        try await it.askTelemetry(TelemetryQuery(SampleFilter(metricNames: ["M_3", "M_5"])))
    }
}
