/// The name of a JSON member: one that the models share, one of a GPU, or a label's.
private struct Member: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init(_ name: String) { stringValue = name }
    init?(intValue: Int) { nil }

    static let timestamp = Member("timestamp")
    static let value = Member("value")
    static let labels = Member("labels")
    static let metricName = Member("metric_name")
    static let firstSeen = Member("first_seen")
    static let lastSeen = Member("last_seen")
    static let batchID = Member("batch_id")
    static let source = Member("source")
    static let metrics = Member("metrics")
    static let collectedAt = Member("collected_at")
}

/// Members of one flat object. `metric_name`, `uuid`, `timestamp` and `value` are required. An object of `Codable` has no
/// order, so labels that come through it are sorted by name; ``MetricBatch/decode(json:)`` keeps their order.
extension GPUMetric: Codable {
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        var labels: [MetricLabel] = []
        if members.contains(.labels), try !members.decodeNil(forKey: .labels) {
            let object = try members.nestedContainer(keyedBy: Member.self, forKey: .labels)
            for name in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
                labels.append(MetricLabel(name: name.stringValue, value: try object.decode(String.self, forKey: name)))
            }
        }
        self.init(
            timestamp: try members.decode(Timestamp.self, forKey: .timestamp),
            value: try members.decode(Double.self, forKey: .value),
            series: MetricSeries(
                metricName: try members.decode(String.self, forKey: .metricName), gpu: try GPUIdentity(members),
                labels: labels))
        guard value.isFinite else {
            throw DecodingError.dataCorruptedError(
                forKey: .value, in: members, debugDescription: "the value is not finite")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encode(timestamp, forKey: .timestamp)
        try members.encode(metricName, forKey: .metricName)
        try gpu.encode(into: &members)
        try members.encode(value, forKey: .value)
        var object = members.nestedContainer(keyedBy: Member.self, forKey: .labels)
        for label in labels { try object.encode(label.value, forKey: Member(label.name)) }
    }
}

extension GPUInfo: Codable {
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        self.init(
            identity: try GPUIdentity(members),
            firstSeen: try members.decode(Timestamp.self, forKey: .firstSeen),
            lastSeen: try members.decode(Timestamp.self, forKey: .lastSeen))
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try identity.encode(into: &members)
        try members.encode(firstSeen, forKey: .firstSeen)
        try members.encode(lastSeen, forKey: .lastSeen)
    }
}

/// The `plain` encoding: `batch_id`, `source`, `collected_at`, `metrics`. ``BatchCodec`` is far faster and writes the
/// compact encoding too.
extension MetricBatch: Codable {
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        self.init(
            batchID: try members.decode(String.self, forKey: .batchID),
            source: try members.decode(String.self, forKey: .source),
            collectedAt: try members.decode(Timestamp.self, forKey: .collectedAt),
            metrics: try members.decode([GPUMetric].self, forKey: .metrics))
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encode(batchID, forKey: .batchID)
        try members.encode(source, forKey: .source)
        try members.encode(collectedAt, forKey: .collectedAt)
        var list = members.nestedUnkeyedContainer(forKey: .metrics)
        for metric in metrics { try list.encode(metric) }
    }
}

extension KeyedDecodingContainer<Member> {
    /// A string, or an integer as its digits; empty if the member is absent or `null`. So are ids in batches of programs in Go.
    fileprivate func text(_ key: Member) throws -> String {
        do {
            return try decodeIfPresent(String.self, forKey: key) ?? ""
        } catch let mismatch as DecodingError {
            guard case .typeMismatch = mismatch, let number = try? decode(Int64.self, forKey: key) else {
                throw mismatch
            }
            return String(number)
        }
    }
}

extension GPUIdentity {
    fileprivate init(_ members: KeyedDecodingContainer<Member>) throws {
        try self.init { try members.text(Member($0.name)) }
        guard !uuid.isEmpty else {
            throw DecodingError.dataCorruptedError(
                forKey: Member(GPUMember.uuid.name), in: members, debugDescription: "there is no uuid")
        }
    }

    fileprivate func encode(into members: inout KeyedEncodingContainer<Member>) throws {
        for member in GPUMember.all { try members.encode(member.text(of: self), forKey: Member(member.name)) }
    }
}
