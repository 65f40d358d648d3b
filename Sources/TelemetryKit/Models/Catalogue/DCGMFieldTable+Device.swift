extension DCGMFieldTable {
    static let device: [DCGMField] = states + texts

    private static let states: [DCGMField] = [
        gauge(.device, 4, "SYSTEM_GPU_QUANTITY", was: ["DEV_COUNT"], 0...1_024, "GPUs of the machine"),
        gauge(.device, 5, "CUDA_DRIVER_VERSION", 0...1_000_000, "Version of the CUDA driver: 12040 is 12.4"),
        gauge(
            .device, 6, "SYSTEM_GPU_BIND_EVENT", was: ["BIND_UNBIND_EVENT"], 0...2,
            "1 while GPUs are bound or unbound, 2 when that is done"),
        gauge(.device, 52, "DEV_NVML_INDEX", 0...1_023, "NVML's number of the GPU"),
        gauge(
            .device, 55, "DEV_GPU_MINOR_NUMBER", was: ["DEV_MINOR_NUMBER"], 0...1_023,
            "Number of the device file, /dev/nvidia…"),
        gauge(
            .device, 65, "DEV_GPU_COMPUTE_MODE", was: ["DEV_COMPUTE_MODE"], 0...3,
            "Who may compute: 0 all, 2 nobody, 1 and 3 one"),
        gauge(
            .device, 66, "DEV_GPU_PERSISTENCE_MODE", was: ["DEV_PERSISTENCE_MODE"], flag, "1 if the driver stays loaded"
        ),
        gauge(.device, 67, "DEV_MIG_MODE", flag, "1 if the GPU is divided into instances (MIG)"),
        gauge(.device, 69, "DEV_MIG_MAX_SLICES", 0...64, "Most instances that the GPU can be divided into"),
        gauge(.device, 74, "DEV_CC_MODE", flag, "1 in confidential computing"),
        gauge(
            .device, 84, "DEV_INFOROM_VALID", was: ["DEV_INFOROM_CONFIG_VALID"], flag,
            "1 if the InfoROM's checksums are right"),
        gauge(.device, 94, "DEV_GPM_SUPPORT", flag, "1 if the GPU has performance metrics (GPM)"),
        gauge(.device, 170, "DEV_FABRIC_MANAGER_STATUS", 0...15, "State of the fabric manager, as DCGM numbers it"),
        gauge(
            .device, 171, "DEV_FABRIC_MANAGER_ERROR", was: ["DEV_FABRIC_MANAGER_ERROR_CODE"], anyNumber,
            "What went wrong when the fabric manager started"),
        gauge(.device, 173, "DEV_FABRIC_CLIQUE_ID", zeroAndUp, "Number of the group of GPUs on the fabric"),
        gauge(.device, 174, "DEV_FABRIC_HEALTH_MASK", zeroAndUp, "What is wrong with the fabric: a mask of NVML"),
        gauge(
            .device, 175, "DEV_FABRIC_HEALTH_SUMMARY", 0...3,
            "Health of the fabric: 0 not told, 1 healthy, 2 unhealthy, 3 limited"),
        gauge(
            .device, 500, "DEV_GPU_VIRTUAL_MODE", was: ["DEV_VIRTUAL_MODE"], 0...4,
            "0 bare metal, 1 passed through, 2 vGPU in a guest, 3 and 4 host of vGPUs"),
        gauge(.device, 526, "DEV_VGPU_LICENSE_STATUS", flag, "1 if the vGPU has a licence"),
        gauge(
            .device, 527, "DEV_VGPU_FRAME_RATE_LIMIT", 0...1_000, "Maximum frames per second of the vGPU; 0 is no limit"
        ),
        gauge(.device, 573, "DEV_PLATFORM_CHASSIS_SLOT_NUMBER", zeroAndUp, "Slot of the rack"),
        gauge(.device, 574, "DEV_PLATFORM_TRAY_INDEX", zeroAndUp, "Compute tray of the rack"),
        gauge(.device, 575, "DEV_PLATFORM_HOST_ID", zeroAndUp, "Number of the host in its slot"),
        gauge(.device, 577, "DEV_PLATFORM_MODULE_ID", zeroAndUp, "Number of the GPU in its host"),
        gauge(.device, 1300, "DEV_CONNECTX_HEALTH", zeroAndUp, "Health of the ConnectX card, as DCGM numbers it"),
        gauge(
            .device, 1503, "IMEX_DAEMON_STATUS", 0...7,
            "State of the IMEX daemon: 0 to 4 it starts, 5 ready, 6 it stops, 7 not available"),
        gauge(
            .device, 1523, "DEV_GPU_RECOVERY_ACTION", was: ["DEV_GET_GPU_RECOVERY_ACTION"], 0...15,
            "What the driver asks for: 0 nothing, 1 reset the GPU, 2 reboot, 3 and 4 drain"),
    ]

    /// Labels of the exporter.
    private static let texts: [DCGMField] = [
        text(1, "SYSTEM_DRIVER_VERSION", "DRIVER_VERSION", "Version of the driver"),
        text(2, "SYSTEM_NVML_VERSION", "NVML_VERSION", "Version of NVML"),
        text(50, "DEV_GPU_NAME", "DEV_NAME", "Product name of the GPU"),
        text(51, "DEV_GPU_BRAND", "DEV_BRAND", "Brand of the GPU"),
        text(53, "DEV_BOARD_SERIAL", "DEV_SERIAL", "Serial number of the board"),
        text(54, "DEV_GPU_UUID", "DEV_UUID", "Identity of the GPU"),
        text(56, "DEV_INFOROM_OEM_VERSION", "DEV_OEM_INFOROM_VER", "Version of the InfoROM's OEM part"),
        text(57, "DEV_PCI_BUS_ID", "DEV_PCI_BUSID", "PCI address of the GPU"),
        text(80, "DEV_INFOROM_ECC_VERSION", "DEV_ECC_INFOROM_VER", "Version of the InfoROM's ECC part"),
        text(81, "DEV_INFOROM_POWER_VERSION", "DEV_POWER_INFOROM_VER", "Version of the InfoROM's power part"),
        text(82, "DEV_INFOROM_IMAGE_VERSION", "DEV_INFOROM_IMAGE_VER", "Version of the InfoROM"),
        text(85, "DEV_VBIOS_VERSION", nil, "Version of the VBIOS"),
        text(172, "DEV_FABRIC_CLUSTER_UUID", nil, "Identity of the cluster on the fabric"),
    ]

    private static func text(_ id: UInt16, _ name: String, _ was: String?, _ meaning: String) -> DCGMField {
        gauge(.device, id, name, was: was.map { [$0] } ?? [], anyNumber, as: .text, meaning)
    }

    /// Metrics that the exporter calculates from several fields or over time; DCGM has no id for these.
    static let exporter: [DCGMField] = [
        gauge(
            .clock, nil, "DCGM_EXP_CLOCK_EVENTS_COUNT", zeroAndUp,
            "Clock events within the exporter's window, by the label"),
        counter(.clock, nil, "DCGM_EXP_CLOCK_EVENTS_TOTAL", "Clock events since the exporter started, by the label"),
        gauge(.error, nil, "DCGM_EXP_XID_ERRORS_COUNT", zeroAndUp, "Xids within the exporter's window, by the label"),
        counter(.error, nil, "DCGM_EXP_XID_ERRORS_TOTAL", "Xids since the exporter started, by the label"),
        gauge(
            .device, nil, "DCGM_EXP_GPU_HEALTH_STATUS", 0...20,
            "Health by the label's system: 0 pass, 10 warning, 20 failure"),
        gauge(
            .link, nil, "DCGM_EXP_P2P_STATUS", 0...15, "Whether the GPU reaches the label's peer over NVLink: 0 is yes"),
    ]
}
