import TelemetryBase
import TelemetryHTTPClient
import TelemetryModels
import TelemetryStores

/// Samples in VictoriaMetrics, a single node or a cluster, over HTTP with connections kept alive.
///
/// A metric and a GPU with its workload and labels is a series: the unchanged metric name, and the labels `device`,
/// `gpu_id`, `hostname`, `model_name`, `uuid`, `container`, `pod`, `namespace`, `labels_raw` (the labels of the source
/// as one text) and `db`, which distinguishes the samples of this store from others. Samples are written as JSON lines
/// and read as raw samples; counts, ends of series and aggregates that PromQL defines like ``AggregateQuery`` are
/// computed by the database, the others here from raw samples.
///
/// ``traits`` describes what the database does not store; see also `Docs/Stores.md`. New samples are visible about a
/// second after they are written. Times must be 1970-01-02 or later; older samples are skipped, as are samples older
/// than the database's retention.
/// Interface: https://docs.victoriametrics.com/victoriametrics/url-examples/
public final class VictoriaMetricsStore: TelemetryStore {
    /// The addresses of the database, and the options of queries.
    public struct Configuration: Sendable {
        /// The URL before `/api/v1/import`. Default: `"http://127.0.0.1:8428"`.
        public var writeURL: String
        /// The URL before `/api/v1/export` and `/api/v1/query`. Default: `"http://127.0.0.1:8428"`.
        public var readURL: String
        /// The token, sent as `Authorization: Bearer …`, for a vmauth proxy; `nil` for none. The URLs may contain a
        /// user and a password. Default: `nil`.
        public var token: String?
        /// The value of the label `db`. Default: `"gpu_telemetry"`.
        public var database: String
        /// The maximum time from a request to the end of its response. Default: 30 s.
        public var timeout: Duration
        /// The maximum number of connections, and so of concurrent requests. Default: 4.
        public var maxConnections: Int
        /// The approximate size of the pieces in which a write is sent. Default: 4 MiB.
        public var maxBodyBytes: Int
        /// The proxy for requests, such as `http://host:3128`; `nil` for none. Environment variables such as
        /// `http_proxy` are ignored. Default: `nil`.
        public var proxy: String?
        /// The maximum length of a label value in bytes; a longer text is refused, because the database would truncate
        /// it without an error. Corresponds to its flag `-maxLabelValueLen`. Default: 16 KiB.
        public var maxLabelBytes: Int
        /// The approximate number of raw samples per time span that is read. Default: 100,000.
        public var samplesPerRead: Int

        /// Creates a configuration for a single node: `http://host:8428`.
        public init(
            url: String = "http://127.0.0.1:8428", token: String? = nil, database: String = "gpu_telemetry",
            timeout: Duration = .seconds(30),
            maxConnections: Int = 4, maxBodyBytes: Int = 4 << 20, maxLabelBytes: Int = 16 << 10,
            samplesPerRead: Int = 100_000
        ) {
            writeURL = url
            readURL = url
            self.token = token
            self.database = database
            self.timeout = timeout
            self.maxConnections = maxConnections
            self.maxBodyBytes = maxBodyBytes
            self.maxLabelBytes = maxLabelBytes
            self.samplesPerRead = samplesPerRead
        }

        /// Creates a configuration for a cluster: `http://vminsert:8480`, `http://vmselect:8481` and a tenant,
        /// `accountID` or `accountID:projectID`.
        public init(vminsert: String, vmselect: String, tenant: String = "0") {
            self.init()
            writeURL = vminsert + "/insert/" + tenant + "/prometheus"
            readURL = vmselect + "/select/" + tenant + "/prometheus"
        }
    }

    /// The part of a sample that VictoriaMetrics stores.
    public static let traits = StoreTraits(
        timeResolution: .milliseconds(1), earliestTime: Timestamp(nanoseconds: VictoriaRange.earliest * 1_000_000),
        significantDigits: 11,
        replacement: .nothing)

    private let configuration: Configuration
    let writing: VictoriaHTTP
    let reading: VictoriaHTTP
    private let client: CurlClient

    var database: String { configuration.database }
    var samplesPerRead: Int { max(1, configuration.samplesPerRead) }

    /// Creates a store without connecting. Throws ``StoreError`` if a URL is invalid.
    public init(configuration: Configuration) throws {
        let client = try DatabaseHTTP.client(maxConnections: configuration.maxConnections, proxy: configuration.proxy)
        func http(_ url: String) throws -> VictoriaHTTP {
            try VictoriaHTTP(client: client, url: url, token: configuration.token, timeout: configuration.timeout)
        }
        self.configuration = configuration
        self.client = client
        writing = try http(configuration.writeURL)
        reading = try http(configuration.readURL)
    }

    public func write(_ batches: [MetricBatch]) async throws {
        let lines = VictoriaLines(
            batches, database: configuration.database, maxBytes: configuration.maxBodyBytes,
            maxLabelBytes: configuration.maxLabelBytes)
        let connections = max(1, configuration.maxConnections)
        let found = try await withThrowingTaskGroup(of: [RefusedSamples.Place].self) { group in
            var found: [RefusedSamples.Place] = []
            for (i, body) in lines.bodies.enumerated() {
                if i >= connections { found += try await group.next() ?? [] }
                group.addTask { [self] in try await write(body, of: lines) }
            }
            for try await some in group { found += some }
            return found
        }
        let refused = lines.refused + found
        guard let first = refused.min(by: { $0.number < $1.number }) else { return }
        var error = StoreError(.rejected, first.reason)
        error.refused = RefusedSamples.of(batches, refused)
        throw error
    }

    /// Returns the samples that are refused. A body that is too large (a proxy may accept less than the database) is
    /// halved, and so is one that is refused, until the refused samples are isolated or ``LineTriage/maximumRefusals``
    /// are reached: the rest is then refused as a whole, whatever the text of the response.
    private func write(_ body: VictoriaLines.Body, of lines: VictoriaLines) async throws -> [RefusedSamples.Place] {
        var refused: [RefusedSamples.Place] = []
        var pending = [body]
        var (refusals, divisions, next) = (0, 0, 0)
        while next < pending.count {
            let part = pending[next]
            next += 1
            do {
                try await writing.write(lines.bytes(of: part))
            } catch let error as StoreError where error.status.map(DatabaseHTTP.refusals.contains) ?? false {
                if error.status == 413 { divisions += 1 } else { refusals += 1 }
                if refusals < LineTriage.maximumRefusals, divisions < LineTriage.maximumDivisions,
                    let (first, second) = part.halves
                {
                    pending += [first, second]
                } else {
                    refused += lines.numbers(of: part).map { RefusedSamples.Place(number: $0, reason: error.message) }
                }
            }
        }
        return refused
    }

    // MARK: Lists

    public func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        var all = SampleFilter(uuids: filter.uuids)
        if filter != all {
            let found = Set(try await tallies(filter, by: ["uuid"]).map { ByteText($0.label("uuid")) })
            guard !found.isEmpty else { return Page(items: [], total: 0) }
            // A longer list costs the database more than it saves, and beyond 16 KiB (`-search.maxQueryLen`) it accepts
            // no query.
            all.uuids = found.reduce(0) { $0 + $1.string.utf8.count } <= 8 << 10 ? found.sorted().map(\.string) : []
            return try await infos(all).filter { found.contains(ByteText($0.identity.uuid)) }.page(
                limit: limit, offset: offset)
        }
        return try await infos(all).page(limit: limit, offset: offset)
    }

    private func infos(_ filter: SampleFilter) async throws -> [GPUInfo] {
        var newest: [ByteText: VictoriaTally] = [:]
        for tally in try await tallies(filter, by: VictoriaLabels.identity) {
            let uuid = ByteText(tally.label("uuid"))
            guard var known = newest[uuid] else {
                newest[uuid] = tally
                continue
            }
            let first = min(known.first, tally.first)
            if (known.last, ByteText(tally.metricName)) < (tally.last, ByteText(known.metricName)) { known = tally }
            known.first = first
            newest[uuid] = known
        }
        return newest.values.map {
            GPUInfo(
                identity: $0.gpu, firstSeen: Timestamp(milliseconds: $0.first),
                lastSeen: Timestamp(milliseconds: $0.last))
        }
        .sorted(by: StoreOrder.gpus)
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        var summaries: [ByteText: MetricSummary] = [:]
        for tally in try await tallies(SampleFilter(uuids: uuid.map { [$0] } ?? []), by: ["uuid"]) {
            let name = ByteText(tally.metricName)
            summaries[name, default: MetricSummary(name: name.string, sampleCount: 0, gpuCount: 0)].sampleCount
                .addClamped(tally.count)
            summaries[name]!.gpuCount += 1
        }
        return summaries.values.sorted { $0.name.precedes($1.name) }
    }

    public func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        var infos: [StoreOrder.SeriesKey: SeriesInfo] = [:]
        for tally in try await tallies(filter, by: VictoriaLabels.identity) {
            let key = StoreOrder.SeriesKey(metricName: tally.metricName, uuid: tally.label("uuid"))
            let (first, last) = (Timestamp(milliseconds: tally.first), Timestamp(milliseconds: tally.last))
            guard var known = infos[key] else {
                infos[key] = SeriesInfo(
                    metricName: tally.metricName, identity: tally.gpu, sampleCount: tally.count, firstSeen: first,
                    lastSeen: last)
                continue
            }
            known.sampleCount.addClamped(tally.count)
            known.firstSeen = min(known.firstSeen, first)
            if known.lastSeen < last {
                known.lastSeen = last
                known.identity = tally.gpu
            }
            infos[key] = known
        }
        return infos.sorted { $0.key < $1.key }.map(\.value).page(limit: limit, offset: offset)
    }

    /// Uses several queries: series and counts by the database.
    public func statistics() async throws -> StoreStatistics {
        async let gpus = infos(SampleFilter())
        let summaries = try await metrics(uuid: nil)
        let infos = try await gpus
        return StoreStatistics(
            sampleCount: summaries.reduce(0) { $0.addingClamped($1.sampleCount) }, gpuCount: infos.count,
            metricCount: summaries.count,
            hostCount: Set(infos.map { ByteText($0.identity.hostname) }).count, oldest: infos.map(\.firstSeen).min(),
            newest: infos.map(\.lastSeen).max())
    }

    // MARK: -

    /// Queries both endpoints: in a cluster they are different programs, and reading involves the nodes that store the
    /// samples.
    public func checkHealth() async throws {
        try await writing.write([])
        _ = try await reading.query("count({db=\(MetricsQL.string(database))}[1s])", at: VictoriaRange.latest)
    }

    public func close() async {
        client.close()
    }
}

extension Timestamp {
    init(milliseconds: Int64) { self.init(nanoseconds: milliseconds.multipliedClamped(by: 1_000_000)) }
}
