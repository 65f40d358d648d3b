import TelemetryModels

/// Finds a GPU's identity in labels: those of `dcgm-exporter`, old and new, and those that Prometheus makes of them.
///
/// `GPUMember.all` lists the labels that may carry each member. To Prometheus an empty label is none.
enum ScrapeLabels {
    /// `nil` where no label names a GPU. `host` is the scraped one: it stands in where the labels name none.
    static func gpu(of labels: [MetricLabel], host: String) -> GPUIdentity? {
        func value(_ names: [String]) -> String {
            for name in names {
                if let label = labels.first(where: { $0.name == name }), !label.value.isEmpty { return label.value }
            }
            return ""
        }
        guard !value(GPUMember.uuid.scrapedLabels).isEmpty else { return nil }
        var gpu = GPUIdentity { value($0.scrapedLabels) }
        if gpu.hostname.isEmpty { gpu.hostname = withoutPort(value(["instance"])) }
        if gpu.hostname.isEmpty { gpu.hostname = host }
        return gpu
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
