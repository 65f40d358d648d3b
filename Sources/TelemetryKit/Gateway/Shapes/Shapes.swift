import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryStores

/// The forms of the responses of `/api/v1`: of GPUs, samples and the store. Bytes, schemas and examples derive from
/// them.
enum Shapes {
    /// The first and the last time of the examples.
    static let firstTime = Timestamp(nanoseconds: 1_752_871_354_000_000_000)
    static let lastTime = Timestamp(nanoseconds: 1_752_871_357_000_000_000)
    static let exampleGPU = GPUIdentity { $0.example }
    private static let exampleSample = GPUMetric(
        timestamp: firstTime, value: 41,
        series: MetricSeries(
            metricName: "DCGM_FI_DEV_GPU_TEMP", gpu: exampleGPU, labels: [MetricLabel(name: "job", value: "dgx")]))

    static let gpu = ResponseShape<GPUInfo>(
        "GPU", example: GPUInfo(identity: exampleGPU, firstSeen: firstTime, lastSeen: lastTime),
        GPUMember.all.map { member in ResponseMember(member.name) { member.text(of: $0.identity) } } + [
            ResponseMember("first_seen") { $0.firstSeen },
            ResponseMember("last_seen") { $0.lastSeen },
        ])

    static let gpuList = ListShape("GPUList", of: gpu)

    static let metricList = ListShape(
        "MetricList",
        of: ResponseShape<MetricSummary>(
            "Metric", example: MetricSummary(name: "DCGM_FI_DEV_GPU_TEMP", sampleCount: 1200, gpuCount: 8),
            [
                ResponseMember("name") { $0.name },
                ResponseMember("sample_count", .count) { $0.sampleCount },
                ResponseMember("gpu_count", .count) { $0.gpuCount },
            ]))

    // MARK: Samples

    /// Responses have up to a hundred thousand samples, or more in an export: ``SampleWriter`` and
    /// `ByteWriter.appendJSON` write the same bytes with most of them copied from the sample's series. A test compares
    /// all three.
    static let sample = ResponseShape<GPUMetric>(
        "Sample", example: exampleSample,
        [
            ResponseMember("timestamp") { $0.timestamp },
            ResponseMember("metric_name") { $0.metricName },
        ] + GPUMember.all.map { member in ResponseMember(member.name) { member.text(of: $0.gpu) } } + [
            ResponseMember("value") { $0.value },
            ResponseMember("labels", .object.with("additionalProperties", .schema(.text))) { sample, json in
                json.object("labels") { json in
                    for label in sample.labels {
                        json.key(text: label.name)
                        json.value(label.value)
                    }
                }
            },
        ])

    static let latestList = ListShape("LatestList", of: sample) { $0.appendJSON($1) }

    static let telemetryList = ListShape<GPUMetric, SamplePage>(
        "TelemetryList", of: sample,
        example: SamplePage(
            items: [exampleSample], total: 9600, next: PageCursor(order: .asc, position: SampleCursor(exampleSample))),
        [
            ResponseMember("count", ListCounts.countMember) { $0.items.count },
            .optional("total", .count.described("The number of entries of all pages; omitted if a cursor is given.")) {
                $0.total
            },
            .optional("next", .text.described("The cursor of the next page, if there is one.")) {
                $0.next?.description
            },
        ]
    ) { $0.appendJSON($1) }

    /// The details are the number of samples.
    static let export = ListShape<GPUMetric, Int>(
        "TelemetryExport", of: sample, example: 1, [ResponseMember("count", ListCounts.countMember) { $0 }]
    ) { $0.appendJSON($1) }

    // MARK: The store

    /// The content of `/api/v1/stats`.
    struct Statistics: Sendable {
        var store: StoreStatistics
        var uptimeSeconds: Int
        /// Members that the program adds: names with JSON values.
        var further: [(name: String, json: [UInt8])] = []
    }

    static let statistics = ResponseShape<Statistics>(
        "Statistics",
        example: Statistics(
            store: StoreStatistics(
                sampleCount: 9600, gpuCount: 8, metricCount: 10, hostCount: 1, oldest: firstTime, newest: lastTime),
            uptimeSeconds: 60),
        [
            .object("store", storeStatistics) { $0.store },
            ResponseMember("uptime_seconds", .count) { $0.uptimeSeconds },
        ],
        furtherMembers: FurtherMembers(
            .object.described(
                "The program's own statistics: queue is the progress in reading the queue, "
                    + "queue_server the queue's own statistics.")
        ) { statistics, json in
            for (name, value) in statistics.further {
                json.key(text: name)
                json.value(json: value)
            }
        })

    private static let storeStatistics = ResponseShape<StoreStatistics>([
        ResponseMember("sample_count", .count) { $0.sampleCount },
        ResponseMember("gpu_count", .count) { $0.gpuCount },
        ResponseMember("metric_count", .count) { $0.metricCount },
        ResponseMember("host_count", .count) { $0.hostCount },
        ResponseMember("oldest") { $0.oldest },
        ResponseMember("newest") { $0.newest },
    ])

    // MARK: Aggregates

    /// The details of a list of aggregates.
    struct AggregateDetails: Sendable {
        var counts: ListCounts
        var query: AggregateQuery
    }

    static let aggregateList = ListShape<AggregateSeries, AggregateDetails>(
        "AggregateList", of: aggregateSeries,
        example: AggregateDetails(
            counts: ListCounts(count: 1, total: 1),
            query: AggregateQuery(
                metricName: "DCGM_FI_DEV_GPU_UTIL", function: .p95, window: .seconds(60), grouping: .host)),
        [
            ResponseMember("count", ListCounts.countMember) { $0.counts.count },
            ResponseMember("total", ListCounts.totalMember) { $0.counts.total },
            ResponseMember("metric_name") { $0.query.metricName },
            ResponseMember("function") { $0.query.function.rawValue },
            ResponseMember("window_seconds") { $0.query.window / .seconds(1) },
            ResponseMember("group_by") { $0.query.grouping.rawValue },
        ])

    private static let aggregateSeries = ResponseShape<AggregateSeries>(
        "AggregateSeries",
        example: AggregateSeries(
            group: exampleGPU.hostname, points: [AggregateSeries.Point(time: firstTime, value: 97.5)]),
        [
            ResponseMember("group", .text.described("A uuid, a hostname, or empty for the cluster.")) { $0.group },
            .array("points", of: aggregatePoint) { $0.points },
        ])

    private static let aggregatePoint = ResponseShape<AggregateSeries.Point>([
        ResponseMember("time") { $0.time },
        ResponseMember("value", .number.orNull) { $0.value },
    ])
}

extension Timestamp: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .time }
}
