import TelemetryModels

/// The labels that contain the parts of a GPU's identity: those of `dcgm-exporter`, old and new, and those that
/// Prometheus derives from them.
///
/// If a series has several for one part, the first that is not empty counts. In Prometheus an empty label is the same
/// as a missing one.
enum ScrapeLabels {
    /// `gpu_uuid`: used for the GPU's NVLinks.
    static let uuid = ["UUID", "uuid", "gpu_uuid"]
    static let gpuID = ["gpu", "gpu_id"]
    static let device = ["device"]
    static let modelName = ["modelName", "model_name"]
    static let hostname = ["hostname", "Hostname"]
    // The exporter's own label comes first if Prometheus renamed it because the target has one with that name, such as
    // the exporter's own pod. `…_name` and `pod_namespace` are those of the exporter's old namespace.
    static let container = ["exported_container", "container", "container_name"]
    static let pod = ["exported_pod", "pod", "pod_name"]
    static let namespace = ["exported_namespace", "namespace", "pod_namespace"]

    /// `nil` if no label identifies a GPU. `host` is the scraped host, used if the labels contain none.
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

    /// The host in `host:port` or `[address]:port`; the whole text if there is no port.
    private static func withoutPort(_ instance: String) -> String {
        if instance.hasPrefix("["), let end = instance.firstIndex(of: "]") {
            return String(instance[instance.index(after: instance.startIndex)..<end])
        }
        let parts = instance.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? String(parts[0]) : instance
    }
}
