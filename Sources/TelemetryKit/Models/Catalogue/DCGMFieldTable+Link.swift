extension DCGMFieldTable {
    private static let generation: Range = 0...10
    private static let width: Range = 0...32

    static let link: [DCGMField] = [
        gauge(
            .link, 200, "DEV_PCIE_TX_THROUGHPUT", was: ["dcgm_pcie_tx_throughput"], in: "KB/s", zeroAndUp,
            "What the GPU sends over PCIe"),
        gauge(
            .link, 201, "DEV_PCIE_RX_THROUGHPUT", was: ["dcgm_pcie_rx_throughput"], in: "KB/s", zeroAndUp,
            "What the GPU receives over PCIe"
        ),
        counter(
            .link, 202, "DEV_PCIE_REPLAY_TOTAL", was: ["DEV_PCIE_REPLAY_COUNTER", "dcgm_pcie_replay_counter"],
            "PCIe packets sent again"),
        gauge(.link, 235, "DEV_PCIE_MAX_LINK_GEN", generation, "Newest PCIe generation that device and slot have"),
        gauge(.link, 236, "DEV_PCIE_MAX_LINK_WIDTH", width, "Most PCIe lanes that device and slot have"),
        gauge(.link, 237, "DEV_PCIE_LINK_GEN", generation, "PCIe generation in use; lower while idle"),
        gauge(.link, 238, "DEV_PCIE_LINK_WIDTH", width, "PCIe lanes in use"),
        gauge(.link, 285, "DEV_C2C_LINK_QUANTITY", was: ["DEV_C2C_LINK_COUNT"], 0...64, "Chip-to-chip links"),
        gauge(.link, 286, "DEV_C2C_LINK_STATUS", flag, "1 if the chip-to-chip link is active"),
        gauge(.link, 287, "DEV_C2C_MAX_BANDWIDTH", in: "MB/s", zeroAndUp, "Most that the chip-to-chip link can carry"),
        counter(
            .link, 1400, "DEV_C2C_LINK_ERROR_TOTAL", was: ["DEV_C2C_LINK_ERROR_INTR"],
            "Checksum errors of the chip-to-chip link"),
        counter(
            .link, 1401, "DEV_C2C_LINK_REPLAY_ERROR_TOTAL", was: ["DEV_C2C_LINK_ERROR_REPLAY"],
            "Packets that the chip-to-chip link sent again"),
        counter(
            .link, 1402, "DEV_C2C_LINK_REPLAY_ERROR_B2B_TOTAL", was: ["DEV_C2C_LINK_ERROR_REPLAY_B2B"],
            "Packets that the chip-to-chip link sent again and again"),
        gauge(
            .link, 1403, "DEV_C2C_LINK_POWER_STATUS", was: ["DEV_C2C_LINK_POWER_STATE"], 0...15,
            "Power state of the chip-to-chip link, as NVML numbers it"),
        counter(
            .link, 1501, "DEV_PCIE_CORRECTABLE_ERROR_TOTAL", was: ["DEV_PCIE_COUNT_CORRECTABLE_ERRORS"],
            "PCIe errors that were corrected"),
        gauge(
            .link, 1629, "DEV_C2C_MAX_BANDWIDTH_BYTES_PER_SECOND", in: "B/s", zeroAndUp,
            "Most that the chip-to-chip link can carry"),
    ]

    /// Without the throughput fields, whose unit depends on the library that DCGM uses to read the switch.
    static let nvswitch: [DCGMField] = [
        counter(.link, 782, "DEV_NVSWITCH_LINK_FATAL_ERRORS", "Fatal errors of the switch's port"),
        counter(.link, 783, "DEV_NVSWITCH_LINK_NON_FATAL_ERRORS", "Other errors of the switch's port"),
        counter(
            .link, 784, "DEV_NVSWITCH_LINK_REPLAY_ERROR_TOTAL", was: ["DEV_NVSWITCH_LINK_REPLAY_ERRORS"],
            "Packets that the port sent again"
        ),
        counter(
            .link, 785, "DEV_NVSWITCH_LINK_RECOVERY_ERROR_TOTAL", was: ["DEV_NVSWITCH_LINK_RECOVERY_ERRORS"],
            "Times that the port had to recover"),
        counter(
            .link, 786, "DEV_NVSWITCH_LINK_FLIT_ERROR_TOTAL", was: ["DEV_NVSWITCH_LINK_FLIT_ERRORS"],
            "Flow control errors of the port"),
        counter(
            .link, 787, "DEV_NVSWITCH_LINK_CRC_ERROR_TOTAL", was: ["DEV_NVSWITCH_LINK_CRC_ERRORS"],
            "Checksum errors of the port"),
        counter(
            .link, 788, "DEV_NVSWITCH_LINK_ECC_ERROR_TOTAL", was: ["DEV_NVSWITCH_LINK_ECC_ERRORS"],
            "ECC errors of the port"),
        gauge(
            .error, 856, "DEV_SXID_FATAL_ERROR", was: ["DEV_NVSWITCH_FATAL_ERRORS"], zeroAndUp,
            "The last fatal SXid that the switch reported"),
        gauge(
            .error, 857, "DEV_SXID_NON_FATAL_ERROR", was: ["DEV_NVSWITCH_NON_FATAL_ERRORS"], zeroAndUp,
            "The last other SXid that the switch reported"),
        gauge(
            .device, 863, "DEV_NVSWITCH_PHYSICAL_ID", was: ["DEV_NVSWITCH_PHYS_ID"], zeroAndUp,
            "Place of the switch in the machine"),
        gauge(.error, 864, "DEV_NVSWITCH_RESET_REQUIRED", flag, "1 if the switch must be reset"),
        gauge(
            .link, 870, "DEV_NVSWITCH_LINK_STATUS", -1...3,
            "State of the port: -1 unknown, 0 off, 1 safe, 2 active, 3 error"),
    ]
}
