/// The text of an exporter of two GPUs, as `dcgm-exporter` documents it: https://github.com/NVIDIA/dcgm-exporter.
struct ScrapeExporter {
    enum Spelling: CaseIterable {
        /// `--use-old-namespace`.
        case oldNamespace
        /// Before 4.6.
        case hostnameInCapitals
        case current
    }

    static let uuids = ["GPU-5fd4f087-86f3-7a43-b711-4771313afc50", "GPU-bc7a12ab-4998-fdc5-0785-2678a929a142"]
    var spelling = Spelling.current
    /// Of each GPU, as the line writes it.
    var temperatures = ["36", "41"]
    var power = ["112.304000", "687.921000"]
    /// Whole lines that come behind.
    var more = ""

    func labels(_ gpu: Int) -> String {
        let uuid = spelling == .oldNamespace ? "uuid" : "UUID"
        var labels = "gpu=\"\(gpu)\",\(uuid)=\"\(Self.uuids[gpu])\",pci_bus_id=\"00000000:\(gpu + 1)8:00.0\",device=\"nvidia\(gpu)\","
        labels += "modelName=\"NVIDIA H100 80GB HBM3\",\(spelling == .current ? "hostname" : "Hostname")=\"dgx-031\""
        labels += ",DCGM_FI_DRIVER_VERSION=\"550.144.03\""
        if gpu == 1 {
            labels += spelling == .oldNamespace
                ? ",container_name=\"train\",pod_name=\"llm-0\",pod_namespace=\"research\""
                : ",container=\"train\",namespace=\"research\",pod=\"llm-0\""
        }
        return labels
    }

    var text: String {
        var text = "# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).\n# TYPE DCGM_FI_DEV_GPU_TEMP gauge\n"
        for (gpu, value) in temperatures.enumerated() { text += "DCGM_FI_DEV_GPU_TEMP{\(labels(gpu))} \(value)\n" }
        text += "# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).\n# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n"
        for (gpu, value) in power.enumerated() { text += "DCGM_FI_DEV_POWER_USAGE{\(labels(gpu))} \(value)\n" }
        return text + more
    }
}
