import TelemetryHTTPClient
import TelemetryModels
import TelemetryNet
import TelemetryStores

/// Samples in VictoriaMetrics, a single node or a cluster, over HTTP with connections kept alive.
///
/// A metric and a GPU with its workload and labels is a series: the metric's name as it is, and the labels `device`, `gpu_id`, `hostname`,
/// `model_name`, `uuid`, `container`, `pod`, `namespace`, `labels_raw` (the labels of the source as one text) and `db`, by which the samples
/// of this store are told from others. Samples are written as JSON lines and read as raw samples; counts, ends of series and aggregates that
/// PromQL defines as ``AggregateQuery`` does are computed there, the rest here from raw samples.
///
/// What the database does not keep, ``traits`` says; `Docs/Stores.md` says it in words. New samples show about a second after they are
/// written. Times are of 1970-01-02 and later; what is older is passed over, as is what is older than the database's retention.
/// Interface: https://docs.victoriametrics.com/victoriametrics/url-examples/
public final class VictoriaMetricsStore: TelemetryStore {
    /// Where the database is, and how it is asked. Every member has a default.
    public struct Configuration: Sendable {
        /// What precedes `/api/v1/import`. Default: `"http://127.0.0.1:8428"`.
        public var writeURL: String
        /// What precedes `/api/v1/export` and `/api/v1/query`. Default: `"http://127.0.0.1:8428"`.
        public var readURL: String
        /// Sent as `Authorization: Bearer …`, for a vmauth in front; `nil`: none. A user and a password may stand in the URLs.
        /// Default: `nil`.
        public var token: String?
        /// The value of the label `db`. Default: `"gpu_telemetry"`.
        public var database: String
        /// From a request until its answer is complete. Default: 30 s.
        public var timeout: Duration
        /// Connections, and with them requests at once. Default: 4.
        public var maxConnections: Int
        /// A write is sent in pieces of about this size. Default: 4 MiB.
        public var maxBodyBytes: Int
        /// The proxy that requests go through, such as `http://host:3128`; `nil`, the default: none. Variables such as `http_proxy` are not
        /// looked at.
        public var proxy: String?
        /// A longer text is refused, since the database would cut it and not say so. Its flag `-maxLabelValueLen`.
        /// Default: 16 KiB.
        public var maxLabelBytes: Int
        /// Raw samples are read in spans of time that hold about so many. Default: 100,000.
        public var samplesPerRead: Int

        /// A single node: `http://host:8428`.
        public init(
            url: String = "http://127.0.0.1:8428", token: String? = nil, database: String = "gpu_telemetry", timeout: Duration = .seconds(30),
            maxConnections: Int = 4, maxBodyBytes: Int = 4 << 20, maxLabelBytes: Int = 16 << 10, samplesPerRead: Int = 100_000
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

        /// A cluster: `http://vminsert:8480`, `http://vmselect:8481` and a tenant, `accountID` or `accountID:projectID`.
        public init(vminsert: String, vmselect: String, tenant: String = "0") {
            self.init()
            writeURL = vminsert + "/insert/" + tenant + "/prometheus"
            readURL = vmselect + "/select/" + tenant + "/prometheus"
        }
    }

    /// What VictoriaMetrics keeps of what a store is given.
    public static let traits = StoreTraits(
        timeResolution: .milliseconds(1), earliestTime: Timestamp(nanoseconds: VictoriaRange.earliest * 1_000_000), significantDigits: 11,
        replacement: .nothing)

    private let configuration: Configuration
    let writing: VictoriaHTTP
    let reading: VictoriaHTTP
    private let client: CurlClient

    var database: String { configuration.database }
    var samplesPerRead: Int { max(1, configuration.samplesPerRead) }

    /// Opens no connection yet. Throws ``StoreError`` where a URL is none.
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

    /// Returns the samples that are refused. A body that is too large (a proxy in front may take less than the
    /// database) is halved, and so is one that is refused, until the refused samples stand alone or
    /// ``LineTriage/maximumRefusals`` are reached: what is left then is refused as a whole, whatever the words of the
    /// response.
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
                if refusals < LineTriage.maximumRefusals, divisions < LineTriage.maximumDivisions, let (first, second) = part.halves {
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
            // A longer list costs the database more than it saves, and beyond 16 KiB (`-search.maxQueryLen`) it takes no query.
            all.uuids = found.reduce(0) { $0 + $1.string.utf8.count } <= 8 << 10 ? found.sorted().map(\.string) : []
            return try await infos(all).filter { found.contains(ByteText($0.identity.uuid)) }.page(limit: limit, offset: offset)
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
        return newest.values.map { GPUInfo(identity: $0.gpu, firstSeen: Timestamp(milliseconds: $0.first), lastSeen: Timestamp(milliseconds: $0.last)) }
            .sorted(by: StoreOrder.gpus)
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        var summaries: [ByteText: MetricSummary] = [:]
        for tally in try await tallies(SampleFilter(uuids: uuid.map { [$0] } ?? []), by: ["uuid"]) {
            let name = ByteText(tally.metricName)
            summaries[name, default: MetricSummary(name: name.string, sampleCount: 0, gpuCount: 0)].sampleCount.addClamped(tally.count)
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
                    metricName: tally.metricName, identity: tally.gpu, sampleCount: tally.count, firstSeen: first, lastSeen: last)
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

    /// Several queries: series and counts by the database.
    public func statistics() async throws -> StoreStatistics {
        async let gpus = infos(SampleFilter())
        let summaries = try await metrics(uuid: nil)
        let infos = try await gpus
        return StoreStatistics(
            sampleCount: summaries.reduce(0) { $0.addingClamped($1.sampleCount) }, gpuCount: infos.count, metricCount: summaries.count,
            hostCount: Set(infos.map { ByteText($0.identity.hostname) }).count, oldest: infos.map(\.firstSeen).min(), newest: infos.map(\.lastSeen).max())
    }

    // MARK: -

    /// Asks both sides: of a cluster they are different programs, and reading asks the nodes that hold the samples.
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
