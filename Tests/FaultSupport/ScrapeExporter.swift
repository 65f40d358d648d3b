/// The text of an exporter of two GPUs, as `dcgm-exporter` documents it: https://github.com/NVIDIA/dcgm-exporter.
package struct ScrapeExporter {
    package enum Spelling: CaseIterable, Sendable {
        /// `--use-old-namespace`.
        case oldNamespace
        /// Before 4.6.
        case hostnameInCapitals
        case current
        /// With the field names of DCGM 4.6.
        case renamedFields
    }

    package static let uuids = ["GPU-5fd4f087-86f3-7a43-b711-4771313afc50", "GPU-bc7a12ab-4998-fdc5-0785-2678a929a142"]
    package var spelling: Spelling
    /// Of each GPU, as the line writes it.
    package var temperatures: [String]
    package var power: [String]
    /// Whole lines that come behind.
    package var more: String

    package init(
        spelling: Spelling = .current, temperatures: [String] = ["36", "41"],
        power: [String] = ["112.304000", "687.921000"], more: String = ""
    ) {
        self.spelling = spelling
        self.temperatures = temperatures
        self.power = power
        self.more = more
    }

    package var temperatureName: String {
        spelling == .renamedFields ? "DCGM_FI_DEV_GPU_TEMP_CELSIUS" : "DCGM_FI_DEV_GPU_TEMP"
    }
    package var powerName: String {
        spelling == .renamedFields ? "DCGM_FI_DEV_BOARD_POWER_WATTS" : "DCGM_FI_DEV_POWER_USAGE"
    }

    package func labels(_ gpu: Int) -> String {
        let uuid = spelling == .oldNamespace ? "uuid" : "UUID"
        let hostname = spelling == .oldNamespace || spelling == .hostnameInCapitals ? "Hostname" : "hostname"
        var labels =
            "gpu=\"\(gpu)\",\(uuid)=\"\(Self.uuids[gpu])\",pci_bus_id=\"00000000:\(gpu + 1)8:00.0\",device=\"nvidia\(gpu)\","
        labels += "modelName=\"NVIDIA H100 80GB HBM3\",\(hostname)=\"dgx-031\",DCGM_FI_DRIVER_VERSION=\"550.144.03\""
        if gpu == 1 {
            labels +=
                spelling == .oldNamespace
                ? ",container_name=\"train\",pod_name=\"llm-0\",pod_namespace=\"research\""
                : ",container=\"train\",namespace=\"research\",pod=\"llm-0\""
        }
        return labels
    }

    package var text: String {
        var text = "# HELP \(temperatureName) GPU temperature (in C).\n# TYPE \(temperatureName) gauge\n"
        for (gpu, value) in temperatures.enumerated() { text += "\(temperatureName){\(labels(gpu))} \(value)\n" }
        text += "# HELP \(powerName) Power draw (in W).\n# TYPE \(powerName) gauge\n"
        for (gpu, value) in power.enumerated() { text += "\(powerName){\(labels(gpu))} \(value)\n" }
        return text + more
    }
}
