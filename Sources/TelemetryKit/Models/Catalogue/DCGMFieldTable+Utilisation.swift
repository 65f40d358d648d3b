extension DCGMFieldTable {
    static let utilisation: [DCGMField] = [
        // Only DCGM 4.6 gave field 203 the name DCGM_FI_DEV_GPU_UTIL_RATIO, still in percent; since 4.7 that name is
        // field 1613, a ratio.
        gauge(
            .utilisation, 203, "DEV_GPU_UTIL", was: ["dcgm_gpu_utilization"], in: "%", percent,
            "Share of the time in which a kernel ran on the GPU"),
        gauge(
            .utilisation, 204, "DEV_MEM_COPY_UTIL", was: ["dcgm_mem_copy_utilization"], in: "%", percent,
            "Share of the time in which the memory was read or written"),
        gauge(
            .utilisation, 206, "DEV_ENC_UTIL", was: ["dcgm_enc_utilization"], in: "%", percent,
            "Share of the time in which the video encoder worked"),
        gauge(
            .utilisation, 207, "DEV_DEC_UTIL", was: ["dcgm_dec_utilization"], in: "%", percent,
            "Share of the time in which the video decoder worked"),
        gauge(
            .utilisation, 1100, "DEV_CPU_UTIL_RATIO", was: ["DEV_CPU_UTIL_TOTAL"], ratio, as: .double,
            "Share of CPU time spent"),
        gauge(
            .utilisation, 1101, "DEV_CPU_UTIL_USER_RATIO", was: ["DEV_CPU_UTIL_USER"], ratio, as: .double,
            "Share of CPU time spent in programs"),
        gauge(
            .utilisation, 1102, "DEV_CPU_UTIL_NICE_RATIO", was: ["DEV_CPU_UTIL_NICE"], ratio, as: .double,
            "Share of CPU time spent in programs of low priority"),
        gauge(
            .utilisation, 1103, "DEV_CPU_UTIL_SYS_RATIO", was: ["DEV_CPU_UTIL_SYS"], ratio, as: .double,
            "Share of CPU time spent in the kernel"),
        gauge(
            .utilisation, 1104, "DEV_CPU_UTIL_IRQ_RATIO", was: ["DEV_CPU_UTIL_IRQ"], ratio, as: .double,
            "Share of CPU time spent on interrupts"),
        gauge(
            .utilisation, 1613, "DEV_GPU_UTIL_RATIO", ratio, as: .double,
            "Share of the time in which a kernel ran on the GPU"),
        gauge(
            .utilisation, 1614, "DEV_MEMORY_UTIL_RATIO", ratio, as: .double,
            "Share of the time in which the memory was read or written"),
        gauge(
            .utilisation, 1615, "DEV_ENC_UTIL_RATIO", ratio, as: .double,
            "Share of the time in which the video encoder worked"),
        gauge(
            .utilisation, 1616, "DEV_DEC_UTIL_RATIO", ratio, as: .double,
            "Share of the time in which the video decoder worked"),
    ]
}
