extension DCGMFieldTable {
    private static let watts: Range = 0...5_000
    /// For a module with several chips.
    private static let moduleWatts: Range = 0...20_000

    static let power: [DCGMField] = [
        gauge(
            .power, 155, "DEV_BOARD_POWER_WATTS", was: ["DEV_POWER_USAGE", "dcgm_power_usage"], in: "W", watts,
            as: .double,
            "Power that the board draws, averaged by the device"),
        counter(
            .power, 156, "DEV_TOTAL_ENERGY_CONSUMPTION", was: ["dcgm_total_energy_consumption"], in: "mJ",
            "Energy that the GPU took since the driver was loaded"),
        gauge(
            .power, 157, "DEV_BOARD_POWER_RAW_WATTS", was: ["DEV_POWER_USAGE_INSTANT"], in: "W", watts, as: .double,
            "Power that the board draws at this moment"),
        gauge(
            .power, 160, "DEV_BOARD_POWER_LIMIT_REQUESTED_WATTS", was: ["DEV_POWER_MGMT_LIMIT"], in: "W", watts,
            as: .double,
            "Power limit that was asked for"),
        gauge(
            .power, 161, "DEV_BOARD_POWER_LIMIT_MIN_WATTS", was: ["DEV_POWER_MGMT_LIMIT_MIN"], in: "W", watts,
            as: .double,
            "Lowest power limit that can be set"),
        gauge(
            .power, 162, "DEV_BOARD_POWER_LIMIT_MAX_WATTS", was: ["DEV_POWER_MGMT_LIMIT_MAX"], in: "W", watts,
            as: .double,
            "Highest power limit that can be set"),
        gauge(
            .power, 163, "DEV_BOARD_POWER_LIMIT_DEFAULT_WATTS", was: ["DEV_POWER_MGMT_LIMIT_DEF"], in: "W", watts,
            as: .double,
            "Power limit that the board comes with"),
        gauge(
            .power, 164, "DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS", was: ["DEV_ENFORCED_POWER_LIMIT"], in: "W", watts,
            as: .double,
            "Power limit that the driver enforces, the lowest of all that apply"),
        gauge(
            .power, 190, "DEV_GPU_PSTATE", was: ["DEV_PSTATE"], 0...15,
            "Performance state: 0 the fastest, 15 the slowest"),
        gauge(.power, 701, "DEV_NVSWITCH_VOLTAGE_MVOLT", in: "mV", 0...5_000, "Voltage of the NVSwitch"),
        gauge(
            .power, 705, "DEV_NVSWITCH_POWER_VDD_WATTS", was: ["DEV_NVSWITCH_POWER_VDD"], in: "W", watts,
            "Power of the NVSwitch's core rail"),
        gauge(
            .power, 706, "DEV_NVSWITCH_POWER_DVDD_WATTS", was: ["DEV_NVSWITCH_POWER_DVDD"], in: "W", watts,
            "Power of the NVSwitch's digital rail"),
        gauge(
            .power, 707, "DEV_NVSWITCH_POWER_HVDD_WATTS", was: ["DEV_NVSWITCH_POWER_HVDD"], in: "W", watts,
            "Power of the NVSwitch's high-voltage rail"),
        gauge(
            .power, 1130, "DEV_CPU_POWER_WATTS", was: ["DEV_CPU_POWER_UTIL_CURRENT"], in: "W", watts, as: .double,
            "Power that the CPU draws"),
        gauge(
            .power, 1131, "DEV_CPU_POWER_LIMIT_WATTS", was: ["DEV_CPU_POWER_LIMIT"], in: "W", watts, as: .double,
            "Power limit of the CPU"),
        gauge(
            .power, 1132, "DEV_SYSIO_POWER_WATTS", was: ["DEV_SYSIO_POWER_UTIL_CURRENT"], in: "W", watts, as: .double,
            "Power that the system's input and output draw"),
        gauge(
            .power, 1133, "DEV_MODULE_POWER_WATTS", was: ["DEV_MODULE_POWER_UTIL_CURRENT"], in: "W", moduleWatts,
            as: .double,
            "Power that the module of CPU and GPUs draws"),
        counter(
            .power, 1611, "DEV_GPU_ENERGY_JOULES_TOTAL", in: "J", "Energy that the GPU took since the driver was loaded"
        ),
    ]
}
