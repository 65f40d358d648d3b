import TelemetryModels
import TelemetryStores

extension InfluxQueries {
    /// Samples in the order of time, metric name and uuid. The databases order by time alone, so that a limit cuts at random through those
    /// of one time: these are asked for once more, all of them.
    func telemetry(_ wanted: TelemetryQuery) async throws -> Page<GPUMetric> {
        async let total = wanted.countsTotal ? count(wanted.filter) : nil
        let items = try await items(wanted)
        return Page(items: items, total: try await total ?? items.count)
    }

    private func items(_ wanted: TelemetryQuery) async throws -> [GPUMetric] {
        let limit = max(0, wanted.limit ?? .max)
        var offset = max(0, wanted.offset)
        // No database has as many before the page; without a limit it would send all that it has.
        guard limit > 0, offset < 1 << 40 else { return [] }
        var filter = wanted.filter
        // Of which no two samples have the same place.
        let isOneSeries = filter.uuids.count == 1 && filter.metricNames.count == 1
        var items: [GPUMetric] = []
        if let after = wanted.after {
            // Of the cursor's own time there are as many as there are series, at most.
            items = try await samples(filter, at: after.timestamp.nanoseconds).filter { SampleCursor($0) > after }
            filter.startTime = max(
                filter.startTime ?? Timestamp(nanoseconds: .min),
                Timestamp(nanoseconds: after.timestamp.nanoseconds &+ 1))
            if after.timestamp.nanoseconds == .max { filter.endTime = Timestamp(nanoseconds: .min) }
        }
        // Beyond this no limit is meant.
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
            // Else a database that does not heed the times would be asked for ever.
            guard filter.startTime.map({ $0.nanoseconds <= cut }) ?? true else {
                throw StoreError(.invalidAnswer, "the database sent samples of before the time that was asked for")
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
