import TelemetryBase

/// One member of ``GPUIdentity``: where it is stored, and what it is called in each format.
///
/// ``all`` is the only list of the members: the formats, queries and schemas derive theirs from it.
package struct GPUMember: Sendable {
    /// Its name in JSON, and of its column, tag or label in a database: `model_name`.
    package let name: String
    /// ``name``, to compare with the bytes of a text that is read.
    let key: StaticString
    /// The member's name in a JSON object, up to the value: `"model_name":`.
    let jsonName: [UInt8]
    /// Whether a CSV file must have its column. If it need not, a file without it has empty texts.
    package let isRequired: Bool
    /// Whether it describes the workload that holds the GPU, which changes while the GPU stays. Influx databases store
    /// it as a field unless the layout asks for a tag.
    package let isWorkload: Bool
    /// Its column in CSV files: `modelName`.
    package let column: String
    /// Its label in PromQL, which is that of `dcgm-exporter`: `modelName`.
    package let label: String
    /// The labels that may carry it when an exporter is scraped. The first that is not empty counts.
    package let scrapedLabels: [String]
    /// The list of a ``SampleFilter`` that selects by it, if there is one.
    package let filter: (WritableKeyPath<SampleFilter, [String]> & Sendable)?
    /// A value for documentation.
    package let example: String
    /// Of the stored property. Reading through it takes 4 ns; through a key path it takes 90 ns.
    private let offset: Int

    private init(
        _ name: StaticString, _ path: WritableKeyPath<GPUIdentity, String>,
        isRequired: Bool = false, isWorkload: Bool = false,
        column: String? = nil, label: String? = nil, scraped: [String]? = nil,
        filter: (WritableKeyPath<SampleFilter, [String]> & Sendable)? = nil, example: String = ""
    ) {
        self.name = name.description
        key = name
        jsonName = Array("\"\(name)\":".utf8)
        self.isRequired = isRequired
        self.isWorkload = isWorkload
        self.column = column ?? name.description
        self.label = label ?? name.description
        scrapedLabels = scraped ?? [name.description]
        self.filter = filter
        self.example = example
        guard let offset = MemoryLayout<GPUIdentity>.offset(of: path) else {
            preconditionFailure("\(name) is not a stored property")
        }
        self.offset = offset
    }

    /// The members in the order in which JSON objects, CSV files and batches have them. New members go to the end.
    package static let all: [GPUMember] = [
        GPUMember("gpu_id", \.gpuID, isRequired: true, label: "gpu", scraped: ["gpu", "gpu_id"], example: "0"),
        GPUMember("device", \.device, isRequired: true, example: "nvidia0"),
        // `gpu_uuid` is the label of a GPU's NVLinks.
        GPUMember(
            "uuid", \.uuid, isRequired: true, label: "UUID",
            scraped: ["UUID", "uuid", "gpu_uuid"], filter: \SampleFilter.uuids,
            example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50"),
        GPUMember(
            "model_name", \.modelName, isRequired: true, column: "modelName", label: "modelName",
            scraped: ["modelName", "model_name"], filter: \SampleFilter.modelNames, example: "NVIDIA H100 80GB HBM3"),
        GPUMember(
            "hostname", \.hostname, isRequired: true, column: "Hostname", label: "Hostname",
            scraped: ["hostname", "Hostname"], filter: \SampleFilter.hostnames, example: "mtv5-dgx1-hgpu-031"),
        // Prometheus renames the exporter's label to `exported_…` if the scraped target has a label of that name, such as
        // the exporter's own pod. `…_name` and `pod_namespace` are the names in old versions of the exporter.
        GPUMember(
            "container", \.container, isWorkload: true, scraped: ["exported_container", "container", "container_name"]),
        GPUMember("pod", \.pod, isWorkload: true, scraped: ["exported_pod", "pod", "pod_name"]),
        GPUMember(
            "namespace", \.namespace, isWorkload: true, scraped: ["exported_namespace", "namespace", "pod_namespace"]),
    ]

    /// The member that says which GPU it is. It is never empty.
    package static let uuid = all.first { $0.isUUID }!
    /// All but ``uuid``.
    package static let exceptUUID = all.filter { !$0.isUUID }
    /// All, sorted by ``name``.
    package static let byName = all.sorted { $0.name.precedes($1.name) }
    /// Those that describe the GPU itself, sorted by ``name``.
    package static let gpuByName = byName.filter { !$0.isWorkload }
    /// Those that describe the workload, sorted by ``name``.
    package static let workloadByName = byName.filter(\.isWorkload)
    /// Those that a ``SampleFilter`` selects by, with its lists: the uuid first, since it selects the fewest samples.
    package static let filters: [(member: GPUMember, texts: WritableKeyPath<SampleFilter, [String]> & Sendable)] =
        ([uuid] + byName.filter { !$0.isUUID }).compactMap { member in member.filter.map { (member, $0) } }

    /// Whether it is ``uuid``.
    package var isUUID: Bool { name == "uuid" }

    /// The member's value.
    package func text(of gpu: GPUIdentity) -> String {
        withUnsafePointer(to: gpu) { UnsafeRawPointer($0).load(fromByteOffset: offset, as: String.self) }
    }

    fileprivate func set(_ text: String, in gpu: inout GPUIdentity) {
        withUnsafeMutablePointer(to: &gpu) { gpu in
            let member = UnsafeMutableRawPointer(gpu).advanced(by: offset).assumingMemoryBound(to: String.self)
            member.pointee = text
        }
    }
}

extension GPUIdentity {
    /// An identity with the value that `text` returns for each member, called in the order of ``GPUMember/all``.
    package init<Failure: Error>(_ text: (GPUMember) throws(Failure) -> String) throws(Failure) {
        self.init(gpuID: "", device: "", uuid: "", modelName: "", hostname: "")
        for member in GPUMember.all { member.set(try text(member), in: &self) }
    }
}
