import TelemetryModels
import TelemetryStores

extension InfluxQueries {
    /// Returns samples ordered by time, metric name and uuid. The databases order by time alone, so a limit cuts
    /// arbitrarily through samples with the same time: these are requested again, all of them.
    func telemetry(_ wanted: TelemetryQuery) async throws -> Page<GPUMetric> {
        async let total = wanted.countsTotal ? count(wanted.filter) : nil
        let items = try await items(wanted)
        return Page(items: items, total: try await total ?? items.count)
    }

    private func items(_ wanted: TelemetryQuery) async throws -> [GPUMetric] {
        let limit = max(0, wanted.limit ?? .max)
        var offset = max(0, wanted.offset)
        // No database has that many before the page; without a limit it would send everything.
        guard limit > 0, offset < 1 << 40 else { return [] }
        var filter = wanted.filter
        // No two of these samples have the same position.
        let isOneSeries = filter.uuids.count == 1 && filter.metricNames.count == 1
        var items: [GPUMetric] = []
        if let after = wanted.after {
            // At the cursor's own time there are at most as many samples as series.
            items = try await samples(filter, at: after.timestamp.nanoseconds).filter { SampleCursor($0) > after }
            filter.startTime = max(
                filter.startTime ?? Timestamp(nanoseconds: .min),
                Timestamp(nanoseconds: after.timestamp.nanoseconds &+ 1))
            if after.timestamp.nanoseconds == .max { filter.endTime = Timestamp(nanoseconds: .min) }
        }
        // Beyond this there is no limit.
        let isLimited = limit < 1 << 40
        var skipped = 0
        if isLimited, wanted.after == nil {
            if isOneSeries {
                swap(&skipped, &offset)
            } else if offset >= (pageSize ?? .max), let place = try await place(of: offset, filter) {
                filter.startTime = max(
                    filter.startTime ?? Timestamp(nanoseconds: .min), Timestamp(nanoseconds: place.start))
                offset -= place.count
            }
        }
        let need = isLimited ? limit + offset : .max
        while items.count < need {
            let size = pageSize.map { min($0, need - items.count) } ?? (isLimited ? need : nil)
            let found = try await samples(filter, limit: size, offset: skipped)
            skipped = 0
            let before = items.count
            items += found.items
            guard let cut = found.cut else { break }
            // Otherwise a database that ignores the times would be queried for ever.
            guard filter.startTime.map({ $0.nanoseconds <= cut }) ?? true else {
                throw StoreError(.invalidAnswer, "the database returned samples from before the requested time")
            }
            if isOneSeries, items.count >= need { break }
            items = items[..<before] + items[before...].filter { $0.timestamp.nanoseconds < cut }
            if items.count < need { items += try await samples(filter, at: cut) }
            guard pageSize != nil, cut < .max else { break }
            filter.startTime = Timestamp(nanoseconds: cut + 1)
        }
        items.sort(by: StoreOrder.metrics)
        return Array(items.dropFirst(offset).prefix(limit))
    }

    private func samples(_ filter: SampleFilter, at time: Int64) async throws -> [GPUMetric] {
        let time = Timestamp(nanoseconds: time)
        guard filter.includes(time) else { return [] }
        var filter = filter
        filter.startTime = time
        filter.endTime = time
        return try await samples(filter, limit: nil, offset: 0).items
    }
}
