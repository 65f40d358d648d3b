import TelemetryModels

/// Which labels say which part of a GPU's identity: those of `dcgm-exporter`, old and new, and those that Prometheus makes of them.
///
/// Where a series has several for one part, the first of them that is not empty counts. To Prometheus an empty label is none.
enum ScrapeLabels {
    /// `gpu_uuid`: of the GPU's NVLinks.
    static let uuid = ["UUID", "uuid", "gpu_uuid"]
    static let gpuID = ["gpu", "gpu_id"]
    static let device = ["device"]
    static let modelName = ["modelName", "model_name"]
    static let hostname = ["hostname", "Hostname"]
    // The exporter's own label comes first where Prometheus renamed it because the target has one of that name, such as the
    // exporter's own pod. `…_name` and `pod_namespace` are those of the exporter's old namespace.
    static let container = ["exported_container", "container", "container_name"]
    static let pod = ["exported_pod", "pod", "pod_name"]
    static let namespace = ["exported_namespace", "namespace", "pod_namespace"]

    /// `nil` where no label names a GPU. `host` is the scraped one: it stands in where the labels name none.
    static func gpu(of labels: [MetricLabel], host: String) -> GPUIdentity? {
        func value(_ names: [String]) -> String {
            for name in names {
                if let label = labels.first(where: { $0.name == name }), !label.value.isEmpty { return label.value }
            }
            return ""
        }
        let uuid = value(ScrapeLabels.uuid)
        guard !uuid.isEmpty else { return nil }
        let hostname = [value(hostname), withoutPort(value(["instance"])), host].first { !$0.isEmpty }
        return GPUIdentity(
            gpuID: value(gpuID), device: value(device), uuid: uuid, modelName: value(modelName), hostname: hostname ?? "",
            container: value(container), pod: value(pod), namespace: value(namespace))
    }

    /// The host of `host:port` or `[address]:port`; all of it where there is no port.
    private static func withoutPort(_ instance: String) -> String {
        if instance.hasPrefix("["), let end = instance.firstIndex(of: "]") {
            return String(instance[instance.index(after: instance.startIndex)..<end])
        }
        let parts = instance.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? String(parts[0]) : instance
    }
}
