import Synchronization
import TelemetryModels
import TelemetryStores

/// Samples in InfluxDB 1.x, 2.x or 3.x, over HTTP with connections kept alive.
///
/// A metric is a measurement; device, gpu_id, hostname, model_name and uuid are tags; the value is the float field `value`; container,
/// pod, namespace and the labels are string fields, so that nothing is lost. ``Configuration/Schema/wide`` has one measurement
/// instead. InfluxDB identifies a point by its measurement, all tags and its time: a sample written again replaces itself, and one of the same GPU and time under another hostname, device or model
/// stands beside it. A sample written again without the pod, namespace, container or labels it had before keeps them.
///
/// The version is asked for at the first call. Writing needs no other right than to write, and reading no other than to
/// read: the bucket is looked for and created only when the database reports that it is missing, if the token may. Any
/// number of tasks may read and write at once.
public final class InfluxDBStore: TelemetryStore {
    /// Where the database is, and how samples lie in it. Every member has a default.
    public struct Configuration: Sendable {
        /// Generation of the server. The raw values are those of `INFLUXDB_VERSION`.
        public enum Version: String, Sendable, Hashable, CaseIterable {
            /// Ask `/ping`.
            case detect = "auto"
            /// InfluxDB 1.x: `/write` and InfluxQL.
            case v1 = "1"
            /// InfluxDB 2.x: `/api/v2` and Flux.
            case v2 = "2"
            /// InfluxDB 3.x: `/api/v3` and InfluxQL.
            case v3 = "3"
        }

        /// How metrics become measurements and fields.
        public enum Schema: String, Sendable, Hashable, CaseIterable {
            /// A measurement for every metric, with the field `value`.
            case narrow
            /// The measurement `gpu`, with a field for every metric. Samples of one GPU and time share container, pod and namespace.
            case wide
        }

        /// `http://host:8086`; a path in front of the interface's own is kept. Default: `"http://127.0.0.1:8086"`.
        public var url: String
        /// Sent as `Authorization: Token …` to 2.x and `Bearer …` to 3.x; for 1.x `user:password`, which is sent as
        /// `Basic …`, or a JSON Web Token, sent as `Bearer …`. `nil`: none. Default: `nil`.
        public var token: String?
        /// The organization of 2.x, by name. Default: `"gpu_telemetry"`.
        public var org: String
        /// The bucket of 2.x, or the database of 1.x and 3.x. Default: `"gpu_telemetry"`.
        public var bucket: String
        /// The retention policy of 1.x; `nil`: the database's default.
        public var retentionPolicy: String?
        /// How long a bucket that is created keeps samples; `nil`: for ever. InfluxDB's least is an hour. One that is there
        /// stays as it is. Default: `nil`.
        public var retentionPeriod: Duration?
        /// Whether a bucket or database that is absent is created. Default: `true`.
        public var createsBucket: Bool
        /// Whether container, pod and namespace are tags instead of fields: searchable, at the price of a series for every
        /// workload. Not to be changed for a bucket that holds samples. Default: `false`.
        public var workloadTags: Bool
        /// Not to be changed for a bucket that holds samples. Default: `.narrow`.
        public var schema: Schema
        /// Generation of the server. Default: `.detect`.
        public var version: Version
        /// From a request until its answer is complete. Default: 30 s.
        public var timeout: Duration
        /// Connections, and with them requests at once. Default: 4.
        public var maxConnections: Int
        /// A write is sent in pieces of about this size. Default: 4 MiB.
        public var maxBodyBytes: Int
        /// The proxy that requests go through, such as `http://host:3128`; `nil`, the default: none. Variables such as `http_proxy` are not
        /// looked at.
        public var proxy: String?

        /// A configuration with these members.
        public init(
            url: String = "http://127.0.0.1:8086", token: String? = nil, org: String = "gpu_telemetry",
            bucket: String = "gpu_telemetry", retentionPolicy: String? = nil, retentionPeriod: Duration? = nil,
            createsBucket: Bool = true, workloadTags: Bool = false, schema: Schema = .narrow, version: Version = .detect,
            timeout: Duration = .seconds(30), maxConnections: Int = 4, maxBodyBytes: Int = 4 << 20
        ) {
            self.url = url
            self.token = token
            self.org = org
            self.bucket = bucket
            self.retentionPolicy = retentionPolicy
            self.retentionPeriod = retentionPeriod
            self.createsBucket = createsBucket
            self.workloadTags = workloadTags
            self.schema = schema
            self.version = version
            self.timeout = timeout
            self.maxConnections = maxConnections
            self.maxBodyBytes = maxBodyBytes
        }

        /// What InfluxDB keeps of what a store is given.
        public var traits: StoreTraits {
            StoreTraits(
                replacement: workloadTags ? .nothing : .valueAndWorkload, sharesWorkload: schema == .wide && !workloadTags)
        }

        var layout: InfluxLayout { InfluxLayout(isWide: schema == .wide, workloadTags: workloadTags) }
    }

    private let configuration: Configuration
    private let http: DatabaseHTTP
    private let expired: ExpiredCount
    /// Set once the version is known.
    private let ready = Mutex<(any InfluxInterface)?>(nil)

    /// Opens no connection yet. Throws ``StoreError`` where the URL is none.
    public init(configuration: Configuration) throws {
        self.configuration = configuration
        expired = ExpiredCount()
        http = try DatabaseHTTP(
            client: DatabaseHTTP.client(maxConnections: configuration.maxConnections, proxy: configuration.proxy), url: configuration.url,
            token: configuration.token, scheme: .token, timeout: configuration.timeout, expired: expired)
    }

    public var expiredSamples: Int { expired.count }

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
        case .v1: return v1
        case .v2: return v2
        case .v3: return v3
        case .detect: break
        }
        // Some generations ask even here for a right, and tell their version all the same.
        let answer = try await http.send("GET", "/ping", accepting: [401, 403])
        // 1.x says `1.6.7~rc0`; 2.x says `2.7.1` or `v2.7.1`.
        let said = answer.header("X-Influxdb-Version") ?? ""
        let version = said.hasPrefix("v") ? String(said.dropFirst()) : said
        switch version.split(separator: ".").first {
        case "0", "1": return v1
        case "2": return v2
        case "3": return v3
        default:
            throw StoreError(
                .invalidAnswer, "\(http.url)/ping tells no version of InfluxDB that is supported: X-Influxdb-Version is \(said.debugDescription)")
        }
    }

    private var v1: InfluxV1 {
        InfluxV1(
            http: http.authorizing(by: .basic), database: configuration.bucket, retentionPolicy: configuration.retentionPolicy,
            retentionPeriod: configuration.retentionPeriod, layout: configuration.layout)
    }

    private var v2: InfluxV2 {
        InfluxV2(
            http: http, org: configuration.org, bucket: configuration.bucket,
            retentionPeriod: configuration.retentionPeriod, layout: configuration.layout)
    }

    private var v3: InfluxV3 {
        InfluxV3(
            http: http.authorizing(by: .bearer), database: configuration.bucket, retentionPeriod: configuration.retentionPeriod,
            mayCreate: configuration.createsBucket, layout: configuration.layout)
    }

    /// Runs the body; if the bucket is missing, once more after creating it. A bucket that cannot be created is an
    /// error that says why.
    func withInterface<Value: Sendable>(
        _ body: @Sendable (any InfluxInterface) async throws -> Value
    ) async throws -> Value {
        let interface = try await interface()
        do {
            return try await body(interface)
        } catch let missing as MissingBucket {
            let reason = try await create(by: interface)
            do {
                return try await body(interface)
            } catch is MissingBucket {
                var error = missing.error
                if let reason { error.message += "; it cannot be created: \(reason)" }
                throw error
            }
        }
    }

    /// Returns why it was not created. Another writer may have created it in the same moment, so that is no failure
    /// yet.
    private func create(by interface: any InfluxInterface) async throws -> String? {
        guard configuration.createsBucket else { return "that is not allowed" }
        do {
            try await interface.create()
            return nil
        } catch let error as StoreError where error.kind != .unavailable {
            return error.message
        }
    }

    // MARK: Writing

    public func write(_ batches: [MetricBatch]) async throws {
        let connections = max(1, configuration.maxConnections)
        let refused = try await withInterface { interface in
            var bodies = LineProtocolBodies(batches, maxBytes: configuration.maxBodyBytes, layout: configuration.layout)
            // The next body is made while those before it are on their way.
            return try await withThrowingTaskGroup(of: [RefusedSamples.Place].self) { writes in
                var refused: [RefusedSamples.Place] = []
                var count = 0
                while let body = bodies.next() {
                    if count >= connections { refused += try await writes.next() ?? [] }
                    count += 1
                    writes.addTask { try await self.write(body, to: interface) }
                }
                for try await some in writes { refused += some }
                return refused
            }
        }
        guard let first = refused.min(by: { $0.number < $1.number }) else { return }
        var error = StoreError(.rejected, first.reason)
        error.refused = RefusedSamples.of(batches, refused)
        throw error
    }

    private func write(_ body: LineProtocolBodies.Body, to interface: any InfluxInterface) async throws -> [RefusedSamples.Place] {
        guard let refusal = try await interface.write(body.lines) else { return [] }
        let triage = LineTriage(write: { try await interface.write($0) }, expired: { [expired] in expired.add($0) })
        return try await triage.settle(LineTriage.lines(of: body.lines, first: body.firstLine), refusal)
    }

    public func checkHealth() async throws {
        try await withInterface { try await $0.checkHealth() }
    }

    public func close() async {
        http.client.close()
    }
}
