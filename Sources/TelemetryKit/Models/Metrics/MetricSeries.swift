import TelemetryBase

/// Which GPU a sample was read from, in the words of the DCGM exporter.
///
/// JSON members: `gpu_id`, `device`, `uuid`, `model_name`, `hostname`, `container`, `pod`, `namespace`.
// A new member takes a stored property, a parameter of the initializer with a default, and a line in `GPUMember.all`.
public struct GPUIdentity: Hashable, Sendable {
    /// Index of the GPU on its host, as text: `0`.
    public var gpuID: String
    /// Device name: `nvidia0`.
    public var device: String
    /// The GPU's identity across hosts and restarts: `GPU-5fd4f087-…`.
    public var uuid: String
    /// Product name: `NVIDIA H100 80GB HBM3`.
    public var modelName: String
    /// The machine that the GPU is in.
    public var hostname: String
    /// The Kubernetes workload that held the GPU; empty where there was none.
    public var container: String
    /// The pod that held the GPU; empty where there was none.
    public var pod: String
    /// The pod's namespace; empty where there was none.
    public var namespace: String

    /// An identity with these members.
    public init(
        gpuID: String, device: String, uuid: String, modelName: String, hostname: String,
        container: String = "", pod: String = "", namespace: String = ""
    ) {
        self.gpuID = gpuID
        self.device = device
        self.uuid = uuid
        self.modelName = modelName
        self.hostname = hostname
        self.container = container
        self.pod = pod
        self.namespace = namespace
    }

    /// By the bytes of the texts.
    public static func == (a: GPUIdentity, b: GPUIdentity) -> Bool {
        GPUMember.all.allSatisfy { $0.text(of: a).hasBytes(of: $0.text(of: b)) }
    }
}

/// One Prometheus label of a series.
public struct MetricLabel: Hashable, Sendable {
    /// Its name.
    public var name: String
    /// Its value, with escapes resolved.
    public var value: String

    /// A label.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// By the bytes of the texts.
    public static func == (a: MetricLabel, b: MetricLabel) -> Bool {
        a.name.hasBytes(of: b.name) && a.value.hasBytes(of: b.value)
    }
}

/// What stays the same from sample to sample: the metric's name, the GPU and the labels.
///
/// Samples of one series share one immutable object, so that a sample costs a reference, a time and a value.
/// Two series with equal contents are equal, whichever reader made them: with the same bytes, since readers keep one for all equal ones.
public final class MetricSeries: Hashable, Sendable {
    /// As the exporter wrote it: `DCGM_FI_DEV_GPU_TEMP`.
    public let metricName: String
    /// The GPU with its workload.
    public let gpu: GPUIdentity
    /// In the order of the source; names are unique.
    public let labels: [MetricLabel]
    @usableFromInline
    let contentHash: Int
    /// Of what identifies samples of the series: the metric and the GPU's uuid. The same in every process.
    let identityHash: UInt64

    /// A series. Names of labels must be unique, which is not checked.
    public init(metricName: String, gpu: GPUIdentity, labels: [MetricLabel] = []) {
        self.metricName = metricName
        self.gpu = gpu
        self.labels = labels
        var hasher = Hasher()
        hasher.combine(metricName)
        hasher.combine(gpu)
        hasher.combine(labels)
        contentHash = hasher.finalize()
        identityHash = StableHash.hash(gpu.uuid, seed: StableHash.hash(metricName, seed: 0))
    }

    // Inlined into the stores, which look up a series for every sample.
    @inlinable
    public static func == (a: MetricSeries, b: MetricSeries) -> Bool {
        a === b || (a.contentHash == b.contentHash && a.hasContent(of: b))
    }

    @usableFromInline
    func hasContent(of other: MetricSeries) -> Bool {
        metricName.hasBytes(of: other.metricName) && gpu == other.gpu && labels == other.labels
    }

    @inlinable
    public func hash(into hasher: inout Hasher) { hasher.combine(contentHash) }
}
