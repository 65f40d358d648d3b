import TelemetryBase
import TelemetryModels
import TelemetryStores

/// Queries in InfluxQL, the language of 1.x and 3.x.
/// Language: https://docs.influxdata.com/influxdb/v1/query_language/
struct InfluxQLQueries: InfluxQueries {
    let connection: InfluxQLConnection
    let layout: InfluxLayout

    /// A column of values, and the measurements that have it.
    private struct Target {
        /// The metric; `nil` if it is the measurement's name.
        var metricName: String?
        var field: String
        var labels: String
        /// The text after `FROM`.
        var source: String
    }

    private func targets(_ wanted: [String]) async throws -> [Target] {
        // A measurement that is named twice is read twice.
        var seen: Set<ByteText> = []
        let metricNames = wanted.filter { seen.insert(ByteText($0)).inserted }
        guard layout.isWide else {
            let names = metricNames.map { InfluxQL.identifier(LineProtocolText.encoded($0)) }
            let source = names.isEmpty ? "/.*/" : names.joined(separator: ", ")
            return [Target(field: "value", labels: "labels_raw", source: source)]
        }
        let measurement = InfluxQL.identifier(InfluxLayout.wideMeasurement)
        var names = metricNames
        if names.isEmpty {
            let fields = try await connection.run(["SHOW FIELD KEYS FROM \(measurement)"])[0]
            names = fields.flatMap { $0.rows.compactMap { $0.first?.string } }.compactMap(WideField.metric(of:))
        }
        return names.map { name in
            let field = WideField.name(of: name)
            return Target(metricName: name, field: field, labels: field + WideField.labelsSuffix, source: measurement)
        }
    }

    /// Runs one statement per target; returns tables with the target that they belong to.
    private func run(_ targets: [Target], _ statement: (Target) -> String) async throws -> [(Target, InfluxQLSeries)] {
        guard !targets.isEmpty else { return [] }
        let answers = try await connection.run(targets.map(statement))
        return zip(targets, answers).flatMap { target, tables in tables.map { (target, $0) } }
    }

    private func metricName(_ target: Target, _ table: InfluxQLSeries) -> String {
        target.metricName ?? LineProtocolText.decoded(table.name)
    }

    // MARK: Conditions and columns

    /// Columns with their kind, since another program's field of the same name would hide the tag.
    private func columns(_ target: Target) -> String {
        let tags = GPUMember.gpuByName.map { InfluxQL.identifier($0.name) + "::tag" }
        let kind = layout.workloadTags ? "::tag" : "::field"
        let workload = GPUMember.workloadByName.map { InfluxQL.identifier($0.name) + kind }
        return "\(InfluxQL.identifier(target.labels))::field AS \"labels_raw\", "
            + (tags + workload).joined(separator: ", ")
    }

    /// - Parameter isBounded: Whether to specify both ends of time: otherwise a statement with windows ends at the
    ///   present.
    private func condition(_ filter: SampleFilter, isBounded: Bool = false, _ more: String? = nil) -> String {
        func any(_ tag: String, _ texts: [String]) -> String? {
            guard !texts.isEmpty else { return nil }
            // A missing tag matches an empty text.
            let stored = texts.map { InfluxQL.string(LineProtocolText.encodedTag($0)) }
            return "(" + stored.map { "\(InfluxQL.identifier(tag)) = \($0)" }.joined(separator: " OR ") + ")"
        }
        var parts = GPUMember.filters.compactMap { any($0.member.name, filter[keyPath: $0.texts]) }
        if let more { parts.append(more) }
        let start = filter.startTime ?? (isBounded ? Timestamp(nanoseconds: .min) : nil)
        let end = filter.endTime ?? (isBounded ? Timestamp(nanoseconds: .max) : nil)
        if let start { parts.append("time >= \(InfluxQL.time(start))") }
        if let end { parts.append("time <= \(InfluxQL.time(end))") }
        return parts.isEmpty ? "" : " WHERE " + parts.joined(separator: " AND ")
    }

    // MARK: Samples

    func samples(_ filter: SampleFilter, limit: Int?, offset: Int) async throws -> InfluxSamples {
        let targets = try await targets(filter.metricNames)
        let tables = try await run(targets) { target in
            let field = InfluxQL.identifier(target.field)
            // In the wide schema a point may have fields other than this, and would count.
            let exists = layout.isWide ? "(\(field) >= 0 OR \(field) < 0)" : nil
            var statement =
                "SELECT \(field)::field AS \"value\", \(columns(target)) FROM \(target.source)\(condition(filter, exists))"
            statement += " ORDER BY time ASC"
            if let limit { statement += " LIMIT \(limit) OFFSET \(offset)" }
            return statement
        }
        var found = InfluxSamples()
        var series = SeriesTable()
        for (target, table) in tables {
            found.items += try metrics(target, table, &series)
            // A limit applies to each measurement.
            if let limit, table.rows.count >= limit, let last = table.times.last {
                found.cut = min(found.cut ?? .max, last)
            }
        }
        return found
    }

    private func metrics(_ target: Target, _ table: InfluxQLSeries, _ series: inout SeriesTable) throws -> [GPUMetric] {
        let places = table.places
        guard let value = places["value"] else { return [] }
        let name = metricName(target, table)
        return try table.rows.indices.compactMap { i in
            let row = table.rows[i]
            guard let number = row[value].number else { return nil }
            let identity = try series.series(metricName: name) { name in
                places[name].flatMap { row[$0].string } ?? table.tag(name)
            }
            return GPUMetric(timestamp: Timestamp(nanoseconds: table.times[i]), value: number, series: identity)
        }
    }

    var pageSize: Int? { InfluxQLConnection.chunkSize }

    /// Counts by windows of time, twice: the whole, and the window that contains the position.
    func place(of offset: Int, _ filter: SampleFilter) async throws -> (start: Int64, count: Int)? {
        let targets = try await targets(filter.metricNames)
        func times(_ function: String) async throws -> [Int64] {
            try await run(targets) {
                "SELECT \(function)(\(InfluxQL.identifier($0.field))) FROM \($0.source)\(condition(filter))"
            }
            .flatMap(\.1.times)
        }
        guard var start = try await times("first").min(), var end = try await times("last").max() else { return nil }
        var before = 0
        for _ in 0..<2 {
            let (span, over) = end.subtractingReportingOverflow(start)
            guard !over, span > 1_000_000 else { break }
            let window = span / 500 + 1
            var part = filter
            part.startTime = Timestamp(nanoseconds: start)
            part.endTime = Timestamp(nanoseconds: end)
            var counts: [Int64: Int] = [:]
            let tables = try await run(targets) {
                "SELECT count(\(InfluxQL.identifier($0.field))) FROM \($0.source)\(condition(part)) GROUP BY time(\(window)ns) fill(none)"
            }
            for (_, table) in tables {
                for (time, row) in zip(table.times, table.rows) {
                    counts[time] = (counts[time] ?? 0).addingClamped(try Int(count: row.first?.number ?? 0))
                }
            }
            var found: Int64?
            for (time, count) in counts.sorted(by: { $0.key < $1.key }) {
                let through = before.addingClamped(count)
                if through > offset {
                    found = time
                    break
                }
                before = through
            }
            guard let found else { return (end == .max ? end : end + 1, before) }
            start = max(start, found)
            end = min(end, found &+ (window - 1))
        }
        return (start, before)
    }

    func count(_ filter: SampleFilter) async throws -> Int {
        let tables = try await run(try await targets(filter.metricNames)) { target in
            "SELECT count(\(InfluxQL.identifier(target.field))) FROM \(target.source)\(condition(filter))"
        }
        return try tables.reduce(0) { sum, table in
            try table.1.rows.reduce(sum) { $0.addingClamped(try Int(count: $1.first?.number ?? 0)) }
        }
    }

    func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        let tables = try await run(try await targets(filter.metricNames)) { target in
            "SELECT last(\(InfluxQL.identifier(target.field))) AS \"value\", \(columns(target)) FROM \(target.source)"
                + "\(condition(filter)) GROUP BY \"uuid\""
        }
        var series = SeriesTable()
        return try tables.flatMap { try metrics($0, $1, &series) }
    }

    func extents(_ filter: SampleFilter) async throws -> [SeriesExtent] {
        let targets = try await targets(filter.metricNames)
        func ask(_ function: String) async throws -> [StoreOrder.SeriesKey: (time: Int64, value: Double)] {
            let tables = try await run(targets) { target in
                "SELECT \(function)(\(InfluxQL.identifier(target.field))) AS \"value\" FROM \(target.source)\(condition(filter)) GROUP BY \"uuid\""
            }
            var found: [StoreOrder.SeriesKey: (time: Int64, value: Double)] = [:]
            for (target, table) in tables {
                let uuid = LineProtocolText.decoded(table.tag("uuid") ?? "")
                guard let time = table.times.first, let value = table.rows.first?.first?.number else { continue }
                found[StoreOrder.SeriesKey(metricName: metricName(target, table), uuid: uuid)] = (time, value)
            }
            return found
        }
        async let counts = ask("count")
        async let oldest = ask("first")
        let first = try await oldest
        // Samples that arrived between the two are in neither.
        return try await counts.compactMap { key, count in
            let count = try Int(count: count.value)
            return first[key].map {
                SeriesExtent(metricName: key.metricName, uuid: key.uuid, count: count, oldest: $0.time)
            }
        }
    }

    // MARK: Aggregates

    /// Windows of InfluxQL begin at multiples since 1970, and its percentile has the rank that ``AggregateQuery``
    /// defines.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]? {
        let tag = query.grouping.tag
        let tables = try await run(try await targets([query.metricName])) { target in
            let field = InfluxQL.identifier(target.field)
            let call =
                switch query.function {
                case .avg: "mean(\(field))"
                case .min, .max, .sum, .count: "\(query.function)(\(field))"
                case .p50: "percentile(\(field), 50)"
                case .p95: "percentile(\(field), 95)"
                case .p99: "percentile(\(field), 99)"
                }
            let groups = ["time(\(query.windowLength)ns)"] + (tag.map { [InfluxQL.identifier($0)] } ?? [])
            return "SELECT \(call) AS \"value\" FROM \(target.source)\(condition(query.filter, isBounded: true))"
                + " GROUP BY \(groups.joined(separator: ", ")) fill(none)"
        }
        var points: [ByteText: [AggregateSeries.Point]] = [:]
        for (_, table) in tables {
            let group = tag.flatMap { table.tag($0) }.map(LineProtocolText.decoded) ?? ""
            for (time, row) in zip(table.times, table.rows) {
                guard let value = row.first?.number else { continue }
                points[ByteText(group), default: []].append(
                    AggregateSeries.Point(time: Timestamp(nanoseconds: time), value: value))
            }
        }
        return points.sorted { $0.key < $1.key }.map { AggregateSeries(group: $0.string, points: $1) }
    }
}
