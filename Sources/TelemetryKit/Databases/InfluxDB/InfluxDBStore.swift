import Synchronization
import TelemetryModels
import TelemetryStores

/// Samples in InfluxDB 1.x, 2.x or 3.x, over HTTP with connections kept alive.
///
/// A metric is a measurement; device, gpu_id, hostname, model_name and uuid are tags; the value is the float field
/// `value`; container, pod, namespace and the labels are string fields, so that no data is lost.
/// ``Configuration/Schema/wide`` has one measurement instead. InfluxDB identifies a point by its measurement, all tags
/// and its time: a sample written again replaces itself, and one of the same GPU and time with another hostname, device
/// or model is a separate point. A sample written again without the pod, namespace, container or labels it had before
/// keeps them.
///
/// The version is detected at the first call. Writing requires write permission only, and reading requires read
/// permission only: the bucket is looked up and created only when the database reports that it is missing, if the token
/// may do so. Any number of tasks may read and write at once.
public final class InfluxDBStore: TelemetryStore {
    /// The address of the database, and the storage options.
    public struct Configuration: Sendable {
        /// The generation of the server. The raw values are those of `INFLUXDB_VERSION`.
        public enum Version: String, Sendable, Hashable, CaseIterable {
            /// Detects it with `/ping`.
            case detect = "auto"
            /// InfluxDB 1.x: `/write` and InfluxQL.
            case v1 = "1"
            /// InfluxDB 2.x: `/api/v2` and Flux.
            case v2 = "2"
            /// InfluxDB 3.x: `/api/v3` and InfluxQL.
            case v3 = "3"
        }

        /// The mapping of metrics to measurements and fields.
        public enum Schema: String, Sendable, Hashable, CaseIterable {
            /// One measurement per metric, with the field `value`.
            case narrow
            /// One measurement, `gpu`, with one field per metric. Samples of one GPU and time share container, pod and
            /// namespace.
            case wide
        }

        /// The URL of the server, `http://host:8086`; a path is prefixed to the paths of the API. Default:
        /// `"http://127.0.0.1:8086"`.
        public var url: String
        /// The token. Sent as `Authorization: Token …` to 2.x and `Bearer …` to 3.x; for 1.x `user:password`, which is
        /// sent as `Basic …`, or a JSON Web Token, sent as `Bearer …`. `nil` for none. Default: `nil`.
        public var token: String?
        /// The organization of 2.x, by name. Default: `"gpu_telemetry"`.
        public var org: String
        /// The bucket of 2.x, or the database of 1.x and 3.x. Default: `"gpu_telemetry"`.
        public var bucket: String
        /// The retention policy of 1.x; `nil` for the database's default. Default: `nil`.
        public var retentionPolicy: String?
        /// The retention period of a bucket that is created; `nil` for unlimited. InfluxDB's minimum is an hour. An
        /// existing bucket is not changed. Default: `nil`.
        public var retentionPeriod: Duration?
        /// Whether a missing bucket or database is created. Default: `true`.
        public var createsBucket: Bool
        /// Whether container, pod and namespace are tags instead of fields: searchable, but with one series per
        /// workload. Must not be changed for a bucket that contains samples. Default: `false`.
        public var workloadTags: Bool
        /// The schema. Must not be changed for a bucket that contains samples. Default: `.narrow`.
        public var schema: Schema
        /// The generation of the server. Default: `.detect`.
        public var version: Version
        /// The maximum time from a request to the end of its response. Default: 30 s.
        public var timeout: Duration
        /// The maximum number of connections, and so of concurrent requests. Default: 4.
        public var maxConnections: Int
        /// The approximate size of the pieces in which a write is sent. Default: 4 MiB.
        public var maxBodyBytes: Int
        /// The proxy for requests, such as `http://host:3128`; `nil` for none. Environment variables such as
        /// `http_proxy` are ignored. Default: `nil`.
        public var proxy: String?

        /// Creates a configuration.
        public init(
            url: String = "http://127.0.0.1:8086", token: String? = nil, org: String = "gpu_telemetry",
            bucket: String = "gpu_telemetry", retentionPolicy: String? = nil, retentionPeriod: Duration? = nil,
            createsBucket: Bool = true, workloadTags: Bool = false, schema: Schema = .narrow,
            version: Version = .detect,
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

        /// The part of a sample that InfluxDB stores.
        public var traits: StoreTraits {
            StoreTraits(
                replacement: workloadTags ? .nothing : .valueAndWorkload,
                sharesWorkload: schema == .wide && !workloadTags)
        }

        var layout: InfluxLayout { InfluxLayout(isWide: schema == .wide, workloadTags: workloadTags) }
    }

    private let configuration: Configuration
    private let http: DatabaseHTTP
    private let expired: ExpiredCount
    /// Set once the version is known.
    private let ready = Mutex<(any InfluxInterface)?>(nil)

    /// Creates a store without connecting. Throws ``StoreError`` if the URL is invalid.
    public init(configuration: Configuration) throws {
        self.configuration = configuration
        expired = ExpiredCount()
        http = try DatabaseHTTP(
            client: DatabaseHTTP.client(maxConnections: configuration.maxConnections, proxy: configuration.proxy),
            url: configuration.url,
            token: configuration.token, scheme: .token, timeout: configuration.timeout, expired: expired)
    }

    public var expiredSamples: Int { expired.count }

    // MARK: Version and bucket

    private func interface() async throws -> any InfluxInterface {
        if let interface = ready.withLock({ $0 }) { return interface }
        let interface = try await detect()
        // Two calls may reach this at once: everything they do may safely be done twice.
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
        // Some generations require authorization even here, and report their version in any case.
        let answer = try await http.send("GET", "/ping", accepting: [401, 403])
        // 1.x reports `1.6.7~rc0`; 2.x reports `2.7.1` or `v2.7.1`.
        let said = answer.header("X-Influxdb-Version") ?? ""
        let version = said.hasPrefix("v") ? String(said.dropFirst()) : said
        switch version.split(separator: ".").first {
        case "0", "1": return v1
        case "2": return v2
        case "3": return v3
        default:
            throw StoreError(
                .invalidAnswer,
                "\(http.url)/ping reports no supported version of InfluxDB: X-Influxdb-Version is \(said.debugDescription)"
            )
        }
    }

    private var v1: InfluxV1 {
        InfluxV1(
            http: http.authorizing(by: .basic), database: configuration.bucket,
            retentionPolicy: configuration.retentionPolicy,
            retentionPeriod: configuration.retentionPeriod, layout: configuration.layout)
    }

    private var v2: InfluxV2 {
        InfluxV2(
            http: http, org: configuration.org, bucket: configuration.bucket,
            retentionPeriod: configuration.retentionPeriod, layout: configuration.layout)
    }

    private var v3: InfluxV3 {
        InfluxV3(
            http: http.authorizing(by: .bearer), database: configuration.bucket,
            retentionPeriod: configuration.retentionPeriod,
            mayCreate: configuration.createsBucket, layout: configuration.layout)
    }

    /// Runs the body; if the bucket is missing, runs it once more after creating it. A bucket that cannot be created is
    /// an error that contains the reason.
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

    /// Returns the reason why it was not created. Another writer may have created it at the same moment, so that is no
    /// failure yet.
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
            // The next body is created while the previous ones are being sent.
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

    private func write(_ body: LineProtocolBodies.Body, to interface: any InfluxInterface) async throws
        -> [RefusedSamples.Place]
    {
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
