import Synchronization

/// Samples in InfluxDB 1.x or 2.x, over HTTP with connections kept alive.
///
/// A metric is a measurement; device, gpu_id, hostname, model_name and uuid are tags; the value is the float field `value`; container,
/// pod, namespace and the labels are string fields, so that nothing is lost. InfluxDB identifies a point by its measurement, all tags and
/// its time: a sample written again replaces itself, and one of the same GPU and time under another hostname, device or model
/// stands beside it. A sample written again without the pod, namespace, container or labels it had before keeps them.
///
/// The version is asked for and the bucket made ready at the first call that succeeds. Any number of tasks may read and write at once.
public final class InfluxDBStore: TelemetryStore {
    public struct Configuration: Sendable {
        public enum Version: Sendable, Hashable {
            /// Ask `/ping`.
            case detect
            case v1
            case v2
        }

        /// `http://host:8086`; a path in front of the interface's own is kept.
        public var url: String
        /// Sent as `Authorization: Token …`; for 1.x `user:password`. `nil`: none.
        public var token: String?
        /// The organization of 2.x, by name.
        public var org: String
        /// The bucket of 2.x, or the database of 1.x.
        public var bucket: String
        /// The retention policy of 1.x; `nil`: the database's default.
        public var retentionPolicy: String?
        /// How long a bucket that is created keeps samples; `nil`: for ever. InfluxDB's least is an hour. One that is there
        /// stays as it is.
        public var retentionPeriod: Duration?
        /// Whether a bucket or database that is absent is created.
        public var createsBucket: Bool
        /// Whether container, pod and namespace are tags instead of fields: searchable, at the price of a series for every
        /// workload. Not to be changed for a bucket that holds samples.
        public var workloadTags: Bool
        public var version: Version
        /// From a request until its answer is complete.
        public var timeout: Duration
        /// Connections, and with them requests at once.
        public var maximumConnections: Int
        /// A write is sent in pieces of about this size.
        public var maximumBodyBytes: Int

        public init(
            url: String = "http://127.0.0.1:8086", token: String? = nil, org: String = "gpu_telemetry",
            bucket: String = "gpu_telemetry", retentionPolicy: String? = nil, retentionPeriod: Duration? = nil,
            createsBucket: Bool = true, workloadTags: Bool = false, version: Version = .detect, timeout: Duration = .seconds(30),
            maximumConnections: Int = 4, maximumBodyBytes: Int = 4 << 20
        ) {
            self.url = url
            self.token = token
            self.org = org
            self.bucket = bucket
            self.retentionPolicy = retentionPolicy
            self.retentionPeriod = retentionPeriod
            self.createsBucket = createsBucket
            self.workloadTags = workloadTags
            self.version = version
            self.timeout = timeout
            self.maximumConnections = maximumConnections
            self.maximumBodyBytes = maximumBodyBytes
        }
    }

    private let configuration: Configuration
    private let http: InfluxHTTP
    /// Set once the bucket is ready.
    private let ready = Mutex<(any InfluxInterface)?>(nil)

    /// Opens no connection yet. Throws ``StoreError`` where the URL is none.
    public init(configuration: Configuration) throws {
        self.configuration = configuration
        let client: CurlClient
        do {
            client = try CurlClient(maximumConnections: configuration.maximumConnections)
        } catch {
            throw StoreError(.unavailable, error.reason)
        }
        http = try InfluxHTTP(client: client, url: configuration.url, token: configuration.token, timeout: configuration.timeout)
    }

    // MARK: Version and bucket

    private func interface() async throws -> any InfluxInterface {
        if let interface = ready.withLock({ $0 }) { return interface }
        let interface = try await detect()
        // Two calls may come here at once: what each does is harmless twice.
        try await interface.prepare()
        ready.withLock { $0 = interface }
        return interface
    }

    private func detect() async throws -> any InfluxInterface {
        switch configuration.version {
        case .v1: return v1("1")
        case .v2: return v2("2")
        case .detect: break
        }
        let answer = try await http.send("GET", "/ping")
        // 1.x says `1.6.7~rc0`; 2.x says `2.7.1` or `v2.7.1`.
        let said = answer.header("X-Influxdb-Version") ?? ""
        let version = said.hasPrefix("v") ? String(said.dropFirst()) : said
        switch version.split(separator: ".").first {
        case "0", "1": return v1(version)
        case "2": return v2(version)
        default:
            throw StoreError(
                .invalidAnswer, "\(http.url)/ping tells no version of InfluxDB that is supported: X-Influxdb-Version is \(said.debugDescription)")
        }
    }

    private func v1(_ version: String) -> InfluxV1 {
        InfluxV1(
            version: version, http: http, database: configuration.bucket, retentionPolicy: configuration.retentionPolicy,
            retentionPeriod: configuration.retentionPeriod, mayCreate: configuration.createsBucket,
            workloadTags: configuration.workloadTags)
    }

    private func v2(_ version: String) -> InfluxV2 {
        InfluxV2(
            version: version, http: http, org: configuration.org, bucket: configuration.bucket,
            retentionPeriod: configuration.retentionPeriod, mayCreate: configuration.createsBucket,
            workloadTags: configuration.workloadTags)
    }

    /// Runs the body; where the bucket has gone since it was made ready, once more after making it anew.
    private func withInterface<Value: Sendable>(
        _ body: @Sendable (any InfluxInterface) async throws -> Value
    ) async throws -> Value {
        do {
            return try await body(try await interface())
        } catch is MissingBucket {
            ready.withLock { $0 = nil }
            do {
                return try await body(try await interface())
            } catch let missing as MissingBucket {
                throw missing.error
            }
        }
    }

    // MARK: Writing

    public func write(_ batches: [MetricBatch]) async throws {
        let bodies = LineProtocolBodies(
            batches, maximumBytes: configuration.maximumBodyBytes, workloadTags: configuration.workloadTags)
        let connections = max(1, configuration.maximumConnections)
        try await withInterface { interface in
            // The next body is made while those before it are on their way.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (i, body) in bodies.enumerated() {
                    if i >= connections { try await group.next() }
                    group.addTask { try await Self.write(body, to: interface) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Writes the lines; what the database finds too large, in halves.
    private static func write(_ lines: [UInt8], to interface: any InfluxInterface) async throws {
        do {
            try await interface.write(lines)
        } catch let error as StoreError where error.status == 413 {
            // No line feed occurs within a line.
            guard let cut = lines[(lines.count / 2)...].dropLast().firstIndex(of: UInt8(ascii: "\n"))
                ?? lines[..<(lines.count / 2)].lastIndex(of: UInt8(ascii: "\n"))
            else { throw error }
            try await write(Array(lines[...cut]), to: interface)
            try await write(Array(lines[(cut + 1)...]), to: interface)
        }
    }

    // MARK: Reading

    public func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        let uuid = filter.uuids.count == 1 ? filter.uuids[0] : nil
        var infos = try await infos(uuid: uuid)
        if filter != SampleFilter(uuids: uuid.map { [$0] } ?? []) {
            let found = Set(try await series(filter, limit: .max, offset: 0).items.map(\.identity.uuid))
            infos.removeAll { !found.contains($0.identity.uuid) }
        }
        return infos.sorted(by: StoreOrder.gpus).page(limit: limit, offset: offset)
    }

    private func infos(uuid: String?) async throws -> [GPUInfo] {
        try await withInterface { interface in
            async let newest = interface.newest(uuid: uuid)
            async let oldest = interface.oldest(uuid: uuid)
            return Self.infos(newest: try await newest, oldest: try await oldest)
        }
    }

    private static func infos(newest: [SeriesEnd], oldest: [String: Int64]) -> [GPUInfo] {
        var ends: [String: SeriesEnd] = [:]
        for end in newest {
            if let known = ends[end.gpu.uuid], (known.time, end.metricName) > (end.time, known.metricName) { continue }
            ends[end.gpu.uuid] = end
        }
        return ends.values.map { end in
            GPUInfo(
                identity: end.gpu, firstSeen: Timestamp(nanoseconds: min(oldest[end.gpu.uuid] ?? end.time, end.time)),
                lastSeen: Timestamp(nanoseconds: end.time))
        }
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        let counts = try await withInterface { try await $0.counts(uuid: uuid) }
        return Self.summaries(counts)
    }

    private static func summaries(_ counts: [SeriesCount]) -> [MetricSummary] {
        var summaries: [String: (count: Int, gpus: Set<String>)] = [:]
        for series in counts where series.count > 0 {
            summaries[series.metricName, default: (0, [])].count += series.count
            summaries[series.metricName]!.gpus.insert(series.uuid)
        }
        return summaries.map { MetricSummary(name: $0, sampleCount: $1.count, gpuCount: $1.gpus.count) }.sorted { $0.name < $1.name }
    }

    public func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        try await withInterface { try await $0.telemetry(query) }
    }

    public func statistics() async throws -> StoreStatistics {
        try await withInterface { interface in
            async let counts = interface.counts(uuid: nil)
            async let newest = interface.newest(uuid: nil)
            async let oldest = interface.oldest(uuid: nil)
            let gpus = Self.infos(newest: try await newest, oldest: try await oldest)
            let summaries = Self.summaries(try await counts)
            return StoreStatistics(
                sampleCount: summaries.reduce(0) { $0 + $1.sampleCount }, gpuCount: gpus.count, metricCount: summaries.count,
                hostCount: Set(gpus.map(\.identity.hostname)).count, oldest: gpus.map(\.firstSeen).min(),
                newest: gpus.map(\.lastSeen).max())
        }
    }

    public func checkHealth() async throws {
        try await withInterface { try await $0.checkHealth() }
    }

    public func close() async {
        http.client.close()
    }
}
