extension DCGMFieldTable {
    private static let celsius: Range = 0...150
    /// Sensors in the air of the room may be colder.
    private static let ambient: Range = -40...150

    static let thermal: [DCGMField] = [
        gauge(
            .thermal, 140, "DEV_MEMORY_TEMP_CELSIUS", was: ["DEV_MEMORY_TEMP", "dcgm_memory_temp"], in: "°C", celsius,
            "Temperature of the memory"),
        gauge(
            .thermal, 150, "DEV_GPU_TEMP_CELSIUS", was: ["DEV_GPU_TEMP", "dcgm_gpu_temp"], in: "°C", celsius,
            "Temperature of the GPU's die"),
        gauge(
            .thermal, 151, "DEV_MEMORY_MAX_OP_TEMP_CELSIUS", was: ["DEV_MEM_MAX_OP_TEMP"], in: "°C", celsius,
            "Highest temperature at which the memory works at full speed"),
        gauge(
            .thermal, 152, "DEV_GPU_MAX_OP_TEMP_CELSIUS", was: ["DEV_GPU_MAX_OP_TEMP"], in: "°C", celsius,
            "Highest temperature at which the GPU works at full speed"),
        gauge(
            .thermal, 153, "DEV_GPU_TEMP_MARGIN_CELSIUS", was: ["DEV_GPU_TEMP_LIMIT"], in: "°C", -150...150,
            "How far the GPU is below the temperature that slows it down"),
        gauge(
            .thermal, 158, "DEV_GPU_TEMP_SLOWDOWN_CELSIUS", was: ["DEV_SLOWDOWN_TEMP"], in: "°C", celsius,
            "Temperature at which the GPU slows down"),
        gauge(
            .thermal, 159, "DEV_GPU_TEMP_SHUTDOWN_CELSIUS", was: ["DEV_SHUTDOWN_TEMP"], in: "°C", celsius,
            "Temperature at which the GPU switches itself off"),
        gauge(
            .thermal, 191, "DEV_FAN_SPEED", in: "%", 0...200,
            "Speed of the fan, of that meant as the highest; may exceed it"),
        gauge(
            .thermal, 858, "DEV_NVSWITCH_TEMP_CELSIUS", was: ["DEV_NVSWITCH_TEMPERATURE_CURRENT"], in: "°C", ambient,
            "Temperature of the NVSwitch"),
        gauge(
            .thermal, 859, "DEV_NVSWITCH_TEMP_SLOWDOWN_CELSIUS", was: ["DEV_NVSWITCH_TEMPERATURE_LIMIT_SLOWDOWN"],
            in: "°C", ambient,
            "Temperature at which the NVSwitch slows down"),
        gauge(
            .thermal, 860, "DEV_NVSWITCH_TEMP_SHUTDOWN_CELSIUS", was: ["DEV_NVSWITCH_TEMPERATURE_LIMIT_SHUTDOWN"],
            in: "°C", ambient,
            "Temperature at which the NVSwitch switches itself off"),
        gauge(
            .thermal, 1110, "DEV_CPU_TEMP_CELSIUS", was: ["DEV_CPU_TEMP_CURRENT"], in: "°C", ambient, as: .double,
            "Temperature of the CPU"),
        gauge(
            .thermal, 1111, "DEV_CPU_TEMP_WARNING_CELSIUS", was: ["DEV_CPU_TEMP_WARNING"], in: "°C", ambient,
            as: .double,
            "Temperature from which the CPU warns"),
        gauge(
            .thermal, 1112, "DEV_CPU_TEMP_CRITICAL_CELSIUS", was: ["DEV_CPU_TEMP_CRITICAL"], in: "°C", ambient,
            as: .double,
            "Temperature from which the CPU is in danger"),
        gauge(
            .thermal, 1310, "DEV_CONNECTX_TEMP_CELSIUS", was: ["DEV_CONNECTX_DEVICE_TEMPERATURE"], in: "°C", ambient,
            as: .double,
            "Temperature of the ConnectX card"),
        gauge(
            .thermal, 1612, "DEV_FAN_SPEED_RATIO", 0...2, as: .double,
            "Speed of the fan, of that meant as the highest; may exceed it"),
    ]
}
