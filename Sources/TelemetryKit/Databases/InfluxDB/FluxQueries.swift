import TelemetryBase
import TelemetryHTTPClient
import TelemetryModels
import TelemetryStores

/// Queries in Flux, the language of 2.x, with annotated CSV as the response format.
/// Language: https://docs.influxdata.com/flux/v0/
struct FluxQueries: InfluxQueries {
    let http: DatabaseHTTP
    let org: String
    let bucket: String
    let layout: InfluxLayout

    private var isWide: Bool { layout.isWide }
    private var workloadFields: [String] { layout.workloadTags ? [] : GPUMember.workloadByName.map(\.name) }
    /// The column that tells the metric, before a pivot.
    private var metricColumn: String { isWide ? "_field" : "_measurement" }

    private func metricName(_ stored: String) -> String? {
        isWide ? WideField.metric(of: stored) : LineProtocolText.decoded(stored)
    }
    private func stored(_ metricName: String) -> String {
        isWide ? WideField.name(of: metricName) : LineProtocolText.encoded(metricName)
    }

    // MARK: Scripts

    /// Returns the rows of a filter, one table per series and field; `nil` if there are none.
    ///
    /// - Parameter fields: In the narrow schema, the fields in addition to `value`; in the wide one all fields are
    ///   returned.
    private func rows(_ filter: SampleFilter, withFields fields: [String]? = nil) -> String? {
        // `range` is required, and its stop is exclusive.
        let stop = Timestamp(nanoseconds: min(filter.endTime?.nanoseconds ?? .max, .max - 2) + 1)
        let start = filter.startTime ?? Timestamp(nanoseconds: .min)
        guard start < stop else { return nil }
        var script =
            "from(bucket: \(Flux.string(bucket))) |> range(start: \(Flux.time(start)), stop: \(Flux.time(stop)))"
        if isWide { script += Flux.filter("_measurement", [InfluxLayout.wideMeasurement]) }
        for (member, list) in GPUMember.filters where !filter[keyPath: list].isEmpty {
            script += Flux.filter(member.name, filter[keyPath: list].map(LineProtocolText.encodedTag))
        }
        if isWide, !filter.metricNames.isEmpty {
            let names = filter.metricNames.map(stored)
            script += Flux.filter(
                "_field", names + (fields == nil ? [] : names.map { $0 + WideField.labelsSuffix } + workloadFields))
        } else if !isWide {
            if !filter.metricNames.isEmpty { script += Flux.filter("_measurement", filter.metricNames.map(stored)) }
            script += Flux.filter("_field", ["value"] + (fields ?? []))
        }
        return script
    }

    private static let pivot = #" |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")"#

    // MARK: Samples

    func samples(_ filter: SampleFilter, limit: Int?, offset: Int) async throws -> InfluxSamples {
        guard var script = rows(filter, withFields: workloadFields + ["labels_raw"]) else { return InfluxSamples() }
        script += Self.pivot
        // A point may have fields other than the requested ones, and would count.
        let names = isWide ? filter.metricNames.map(stored) : ["value"]
        if !names.isEmpty {
            script += " |> filter(fn: (r) => \(names.map { "exists r[\(Flux.string($0))]" }.joined(separator: " or ")))"
        }
        script +=
            " |> group() |> sort(columns: \(isWide ? #"["_time", "uuid"]"# : #"["_time", "_measurement", "uuid"]"#))"
        if let limit { script += " |> limit(n: \(limit), offset: \(offset))" }
        let answer = try await run(script)
        var found = InfluxSamples(items: try metrics(answer, Set(filter.metricNames.map(ByteText.init))))
        if let limit, answer.tables.reduce(0, { $0 + $1.rows.count }) >= limit {
            found.cut = found.items.map(\.timestamp.nanoseconds).max()
        }
        return found
    }

    /// For pivoted rows.
    private func metrics(_ answer: AnnotatedCSV, _ wanted: Set<ByteText>) throws -> [GPUMetric] {
        var items: [GPUMetric] = []
        var series = SeriesTable()
        for table in answer.tables {
            var columns: [(metricName: String?, value: String, labels: String)] = [(nil, "value", "labels_raw")]
            if isWide {
                columns = table.columns.keys.compactMap { field in
                    guard let name = WideField.metric(of: field), wanted.isEmpty || wanted.contains(ByteText(name))
                    else { return nil }
                    return (name, field, field + WideField.labelsSuffix)
                }
            }
            for row in table.rows {
                for column in columns {
                    guard var text = table.value(row, column.value), !text.isEmpty,
                        let name = column.metricName ?? table.value(row, "_measurement").map(LineProtocolText.decoded)
                    else { continue }
                    guard let value = text.withUTF8({ parseDouble(UnsafeRawBufferPointer($0)) }), value.isFinite else {
                        throw invalid("\(text) is not a number")
                    }
                    let identity = try series.series(metricName: name) {
                        table.value(row, $0 == "labels_raw" ? column.labels : $0)
                    }
                    items.append(
                        GPUMetric(
                            timestamp: Timestamp(nanoseconds: try time(table.value(row, "_time"))), value: value,
                            series: identity))
                }
            }
        }
        return items
    }

    func count(_ filter: SampleFilter) async throws -> Int {
        try await extents(filter, " |> count()").reduce(0) { $0.addingClamped($1.count) }
    }

    func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        // In the wide schema a workload's own newest value may be newer than the metric's, so all must be examined.
        guard !isWide else { return try await samples(filter, limit: nil, offset: 0).items }
        // `last` works on each field separately; the pivot joins those with the same time.
        guard let script = rows(filter, withFields: workloadFields + ["labels_raw"]) else { return [] }
        return try metrics(try await run(script + " |> last()" + Self.pivot), [])
    }

    func extents(_ filter: SampleFilter) async throws -> [SeriesExtent] {
        async let counts = extents(filter, " |> count()")
        async let oldest = extents(filter, " |> first()")
        return try await counts + oldest
    }

    /// - Parameter function: Applied to each series separately; `group` would not keep the order that `first` relies
    ///   on.
    private func extents(_ filter: SampleFilter, _ function: String) async throws -> [SeriesExtent] {
        guard let script = rows(filter) else { return [] }
        var extents: [SeriesExtent] = []
        for table in try await run(script + function).tables {
            for row in table.rows {
                guard let name = table.value(row, metricColumn).flatMap(metricName) else { continue }
                var extent = SeriesExtent(
                    metricName: name, uuid: LineProtocolText.decoded(table.value(row, "uuid") ?? ""), count: 0,
                    oldest: .max)
                if table.columns["_time"] != nil {
                    extent.oldest = try time(table.value(row, "_time"))
                } else {
                    extent.count = try count(table.value(row, "_value"))
                }
                extents.append(extent)
            }
        }
        return extents
    }

    // MARK: Aggregates

    /// None of Flux's quantiles has the rank that ``AggregateQuery`` defines.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]? {
        let function: String
        switch query.function {
        case .avg: function = "mean"
        case .min, .max, .sum, .count: function = query.function.rawValue
        case .p50, .p95, .p99: return nil
        }
        let column = query.grouping.tag
        guard let rows = rows(query.samples) else { return [] }
        let window = query.windowLength
        let groups = column.map { "columns: [\(Flux.string($0))]" } ?? ""
        let script = rows + " |> group(\(groups)) |> window(every: \(window)ns) |> \(function)()"
        var points: [ByteText: [AggregateSeries.Point]] = [:]
        for table in try await run(script).tables {
            for row in table.rows {
                guard var text = table.value(row, "_value"),
                    let value = text.withUTF8({ parseDouble(UnsafeRawBufferPointer($0)) })
                else {
                    throw invalid("a window without a number")
                }
                // The range truncates its first window.
                let start = Aggregator.windowStart(try time(table.value(row, "_start")), window)
                let group = column.map { LineProtocolText.decoded(table.value(row, $0) ?? "") } ?? ""
                points[ByteText(group), default: []].append(
                    AggregateSeries.Point(time: Timestamp(nanoseconds: start), value: value))
            }
        }
        return points.sorted { $0.key < $1.key }.map {
            AggregateSeries(group: $0.string, points: $1.sorted { $0.time < $1.time })
        }
    }

    // MARK: Answers

    /// The smallest request that reads the bucket.
    func probe() async throws {
        _ = try await run("from(bucket: \(Flux.string(bucket))) |> range(start: -1s) |> limit(n: 1)")
    }

    private func run(_ script: String) async throws -> AnnotatedCSV {
        var body = ByteWriter()
        body.append("{\"type\":\"flux\",\"query\":")
        body.appendJSONString(script)
        body.append(
            #","dialect":{"header":true,"delimiter":",","annotations":["datatype","group","default"],"dateTimeFormat":"RFC3339Nano"}}"#
        )
        let response: CurlResponse
        do {
            response = try await http.send(
                "POST", "/api/v2/query", query: [("org", org)], body: .json(body.bytes), accept: "application/csv")
        } catch let error as StoreError where error.status == 404 {
            // The bucket or organization is missing, or the token may not read it.
            throw MissingBucket(error: error)
        }
        let answer = try AnnotatedCSV(response.body)
        if let said = answer.error { throw StoreError(.rejected, "\(http.url)/api/v2/query: \(said)") }
        return answer
    }

    private func time(_ text: String?) throws -> Int64 {
        do {
            return try Timestamp(rfc3339: text ?? "").nanoseconds
        } catch {
            throw invalid("\(text ?? "no text") as a time is \(error)")
        }
    }

    private func count(_ text: String?) throws -> Int {
        guard let text, let count = Int(text), count >= 0 else { throw invalid("\(text ?? "no text") is not a count") }
        return count
    }

    private func invalid(_ reason: String) -> StoreError {
        StoreError(.invalidAnswer, "\(http.url)/api/v2/query: \(reason)")
    }
}
