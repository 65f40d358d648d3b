extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(rfc3339: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The JSON members that the models share.
private enum Member: String, CodingKey {
    case timestamp, value, labels
    case metricName = "metric_name"
    case gpuID = "gpu_id"
    case device, uuid
    case modelName = "model_name"
    case hostname, container, pod, namespace
    case firstSeen = "first_seen"
    case lastSeen = "last_seen"
    case batchID = "batch_id"
    case source, metrics
    case collectedAt = "collected_at"
}

private struct LabelName: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// Members of one flat object. `metric_name`, `uuid`, `timestamp` and `value` are required. An object of `Codable` has no
/// order, so labels that come through it are sorted by name; ``MetricBatch/decode(json:)`` keeps their order.
extension GPUMetric: Codable {
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        var labels: [MetricLabel] = []
        if members.contains(.labels), try !members.decodeNil(forKey: .labels) {
            let object = try members.nestedContainer(keyedBy: LabelName.self, forKey: .labels)
            for name in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
                labels.append(MetricLabel(name: name.stringValue, value: try object.decode(String.self, forKey: name)))
            }
        }
        self.init(
            timestamp: try members.decode(Timestamp.self, forKey: .timestamp),
            value: try members.decode(Double.self, forKey: .value),
            series: MetricSeries(
                metricName: try members.decode(String.self, forKey: .metricName), gpu: try GPUIdentity(members), labels: labels))
        guard value.isFinite else {
            throw DecodingError.dataCorruptedError(forKey: .value, in: members, debugDescription: "the value is not finite")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encode(timestamp, forKey: .timestamp)
        try members.encode(metricName, forKey: .metricName)
        try gpu.encode(into: &members)
        try members.encode(value, forKey: .value)
        var object = members.nestedContainer(keyedBy: LabelName.self, forKey: .labels)
        for label in labels { try object.encode(label.value, forKey: LabelName(stringValue: label.name)) }
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
            guard case .typeMismatch = mismatch, let number = try? decode(Int64.self, forKey: key) else { throw mismatch }
            return String(number)
        }
    }
}

extension GPUIdentity {
    fileprivate init(_ members: KeyedDecodingContainer<Member>) throws {
        self.init(
            gpuID: try members.text(.gpuID), device: try members.text(.device), uuid: try members.text(.uuid),
            modelName: try members.text(.modelName), hostname: try members.text(.hostname),
            container: try members.text(.container), pod: try members.text(.pod), namespace: try members.text(.namespace))
        guard !uuid.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: .uuid, in: members, debugDescription: "there is no uuid")
        }
    }

    fileprivate func encode(into members: inout KeyedEncodingContainer<Member>) throws {
        try members.encode(gpuID, forKey: .gpuID)
        try members.encode(device, forKey: .device)
        try members.encode(uuid, forKey: .uuid)
        try members.encode(modelName, forKey: .modelName)
        try members.encode(hostname, forKey: .hostname)
        try members.encode(container, forKey: .container)
        try members.encode(pod, forKey: .pod)
        try members.encode(namespace, forKey: .namespace)
    }
}
