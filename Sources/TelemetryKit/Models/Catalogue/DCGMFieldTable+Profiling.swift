extension DCGMFieldTable {
    static let profiling: [DCGMField] = ratios + engines + traffic + trafficByLink + caches + totals

    private static let ratios: [DCGMField] = [
        profile(
            1001, "PROF_GR_ENGINE_UTIL_RATIO", ["PROF_GR_ENGINE_ACTIVE", "dcgm_fi_prof_gr_engine_active"],
            "Share of the time in which the graphics or compute engine was active"),
        profile(
            1002, "PROF_SM_UTIL_RATIO", ["PROF_SM_ACTIVE", "dcgm_fi_prof_sm_active"],
            "Share of cycles in which an SM had a warp, averaged over the SMs"),
        profile(
            1003, "PROF_SM_OCCUPANCY_RATIO", ["PROF_SM_OCCUPANCY", "dcgm_fi_prof_sm_occupancy"],
            "Warps resident on the SMs, of the most that there can be"),
        profile(
            1004, "PROF_TENSOR_UTIL_RATIO", ["PROF_PIPE_TENSOR_ACTIVE", "dcgm_fi_prof_pipe_tensor_active"],
            "Share of cycles in which a tensor pipe worked"),
        profile(
            1005, "PROF_DRAM_UTIL_RATIO", ["PROF_DRAM_ACTIVE", "dcgm_fi_prof_dram_active"],
            "Share of cycles in which the memory sent or received"),
        profile(
            1006, "PROF_FP64_UTIL_RATIO", ["PROF_PIPE_FP64_ACTIVE"], "Share of cycles in which the fp64 pipe worked"),
        profile(
            1007, "PROF_FP32_UTIL_RATIO", ["PROF_PIPE_FP32_ACTIVE"], "Share of cycles in which the fp32 pipe worked"),
        profile(
            1008, "PROF_FP16_UTIL_RATIO", ["PROF_PIPE_FP16_ACTIVE"],
            "Share of cycles in which the fp16 pipe worked, without tensors"),
        profile(
            1013, "PROF_IMMA_UTIL_RATIO", ["PROF_PIPE_TENSOR_IMMA_ACTIVE"],
            "Share of cycles in which the integer tensor pipe worked"),
        profile(
            1014, "PROF_HMMA_UTIL_RATIO", ["PROF_PIPE_TENSOR_HMMA_ACTIVE"],
            "Share of cycles in which the half tensor pipe worked"),
        profile(
            1015, "PROF_DFMA_UTIL_RATIO", ["PROF_PIPE_TENSOR_DFMA_ACTIVE"],
            "Share of cycles in which the double tensor pipe worked"),
        profile(
            1016, "PROF_INT_UTIL_RATIO", ["PROF_PIPE_INT_ACTIVE"], "Share of cycles in which the integer pipe worked"),
    ]

    private static let engines: [DCGMField] =
        indexed(Array(1017...1024)) { id, named in
            profile(
                id, named("PROF_NVDEC_UTIL_#_RATIO"), [named("PROF_NVDEC#_ACTIVE")],
                named("Share of cycles in which video decoder # worked"))
        }
        + indexed(Array(1025...1032)) { id, named in
            profile(
                id, named("PROF_NVJPG_UTIL_#_RATIO"), [named("PROF_NVJPG#_ACTIVE")],
                named("Share of cycles in which JPEG engine # worked"))
        }
        + indexed([1033, 1034]) { id, named in
            profile(
                id, named("PROF_NVOFA_UTIL_#_RATIO"), [named("PROF_NVOFA#_ACTIVE")],
                named("Share of cycles in which optical flow engine # worked"))
        }

    /// Rates, although the exporter's first collector files called them counters.
    private static let traffic: [DCGMField] = [
        gauge(
            .profiling, 1009, "PROF_PCIE_TX_BYTES", was: ["dcgm_fi_prof_pcie_tx_bytes"], in: "B/s", zeroAndUp,
            "What the GPU sends over PCIe, headers included"),
        gauge(
            .profiling, 1010, "PROF_PCIE_RX_BYTES", was: ["dcgm_fi_prof_pcie_rx_bytes"], in: "B/s", zeroAndUp,
            "What the GPU receives over PCIe, headers included"),
        gauge(
            .profiling, 1011, "PROF_NVLINK_TX_BYTES", in: "B/s", zeroAndUp,
            "What the GPU sends over all NVLinks, headers included"),
        gauge(
            .profiling, 1012, "PROF_NVLINK_RX_BYTES", in: "B/s", zeroAndUp,
            "What the GPU receives over all NVLinks, headers included"),
        gauge(
            .profiling, 1076, "PROF_C2C_TX_ALL_BYTES", in: "B/s", zeroAndUp,
            "What the GPU sends chip to chip, headers included"),
        gauge(
            .profiling, 1077, "PROF_C2C_TX_DATA_BYTES", in: "B/s", zeroAndUp,
            "What the GPU sends chip to chip, data alone"),
        gauge(
            .profiling, 1078, "PROF_C2C_RX_ALL_BYTES", in: "B/s", zeroAndUp,
            "What the GPU receives chip to chip, headers included"),
        gauge(
            .profiling, 1079, "PROF_C2C_RX_DATA_BYTES", in: "B/s", zeroAndUp,
            "What the GPU receives chip to chip, data alone"),
        gauge(
            .profiling, 1532, "PROF_NVLINK_TX_BYTES_PER_LINK", in: "B/s", zeroAndUp,
            "What the GPU sends over the NVLink of the label"),
        gauge(
            .profiling, 1533, "PROF_NVLINK_RX_BYTES_PER_LINK", in: "B/s", zeroAndUp,
            "What the GPU receives over the NVLink of the label"),
    ]

    private static let trafficByLink: [DCGMField] =
        indexed((0..<18).map { 1040 + 2 * $0 }) { id, named in
            gauge(
                .profiling, id, named("PROF_NVLINK_L#_TX_BYTES"), in: "B/s", zeroAndUp,
                named("What the GPU sends over NVLink #"))
        }
        + indexed((0..<18).map { 1041 + 2 * $0 }) { id, named in
            gauge(
                .profiling, id, named("PROF_NVLINK_L#_RX_BYTES"), in: "B/s", zeroAndUp,
                named("What the GPU receives over NVLink #"))
        }

    private static let caches: [DCGMField] = [
        gauge(
            .profiling, 1080, "PROF_HOSTMEM_CACHE_HIT", in: "%", percent, as: .double,
            "Reads of the host's memory that a cache served"),
        gauge(
            .profiling, 1081, "PROF_HOSTMEM_CACHE_MISS", in: "%", percent, as: .double,
            "Reads of the host's memory that missed the caches"),
        gauge(
            .profiling, 1082, "PROF_PEERMEM_CACHE_HIT", in: "%", percent, as: .double,
            "Reads of a peer's memory that a cache served"),
        gauge(
            .profiling, 1083, "PROF_PEERMEM_CACHE_MISS", in: "%", percent, as: .double,
            "Reads of a peer's memory that missed the caches"),
    ]

    private static let totals: [DCGMField] = [
        counter(.profiling, 1084, "PROF_SM_CYCLES_ELAPSED_TOTAL", "Cycles of the SMs"),
        counter(.profiling, 1085, "PROF_SM_CYCLES_ACTIVE_TOTAL", "Cycles in which an SM had a warp"),
        counter(.profiling, 1086, "PROF_MMA_CYCLES_ACTIVE_TOTAL", "Cycles in which a tensor pipe worked"),
        counter(.profiling, 1087, "PROF_DMMA_CYCLES_ACTIVE_TOTAL", "Cycles in which the DMMA tensor pipe worked"),
        counter(.profiling, 1088, "PROF_HMMA_CYCLES_ACTIVE_TOTAL", "Cycles in which the HMMA tensor pipe worked"),
        counter(.profiling, 1089, "PROF_IMMA_CYCLES_ACTIVE_TOTAL", "Cycles in which the IMMA tensor pipe worked"),
        counter(.profiling, 1090, "PROF_DFMA_CYCLES_ACTIVE_TOTAL", "Cycles in which the DFMA tensor pipe worked"),
        counter(.profiling, 1091, "PROF_PCIE_TX_BYTES_TOTAL", in: "B", "What the GPU sent over PCIe"),
        counter(.profiling, 1092, "PROF_PCIE_RX_BYTES_TOTAL", in: "B", "What the GPU received over PCIe"),
        counter(.profiling, 1093, "PROF_INT_CYCLES_ACTIVE_TOTAL", "Cycles in which the integer pipe worked"),
        counter(.profiling, 1094, "PROF_FP64_CYCLES_ACTIVE_TOTAL", "Cycles in which the fp64 pipe worked"),
        counter(.profiling, 1095, "PROF_FP32_CYCLES_ACTIVE_TOTAL", "Cycles in which the fp32 pipe worked"),
        counter(.profiling, 1096, "PROF_FP16_CYCLES_ACTIVE_TOTAL", "Cycles in which the fp16 pipe worked"),
    ]

    private static func profile(_ id: UInt16, _ name: String, _ was: [String], _ meaning: String) -> DCGMField {
        gauge(.profiling, id, name, was: was, ratio, as: .double, meaning)
    }
}
