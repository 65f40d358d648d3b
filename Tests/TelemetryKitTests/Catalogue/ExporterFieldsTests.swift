import TelemetryKit
import Testing

/// The names that dcgm-exporter's collector files have, in use or as comments: etc/default-counters.csv, etc/dcp-metrics-included.csv and
/// etc/1.x-compatibility-metrics.csv of versions 2.0 to 4.8.
@Suite("Fields of the exporter")
struct ExporterFieldsTests {
    static let gauges = """
        DEV_SM_CLOCK DEV_MEM_CLOCK DEV_MEMORY_TEMP DEV_GPU_TEMP DEV_POWER_USAGE DEV_GPU_UTIL DEV_MEM_COPY_UTIL DEV_ENC_UTIL DEV_DEC_UTIL
        DEV_XID_ERRORS DEV_FB_FREE DEV_FB_USED DEV_FB_RESERVED DEV_NVLINK_BANDWIDTH_TOTAL DEV_VGPU_LICENSE_STATUS DEV_ROW_REMAP_FAILURE
        PROF_GR_ENGINE_ACTIVE PROF_SM_ACTIVE PROF_SM_OCCUPANCY PROF_PIPE_TENSOR_ACTIVE PROF_DRAM_ACTIVE PROF_PIPE_FP64_ACTIVE
        PROF_PIPE_FP32_ACTIVE PROF_PIPE_FP16_ACTIVE PROF_PCIE_TX_BYTES PROF_PCIE_RX_BYTES
        """
    static let counters = """
        DEV_TOTAL_ENERGY_CONSUMPTION DEV_PCIE_REPLAY_COUNTER DEV_POWER_VIOLATION DEV_THERMAL_VIOLATION DEV_SYNC_BOOST_VIOLATION
        DEV_BOARD_LIMIT_VIOLATION DEV_LOW_UTIL_VIOLATION DEV_RELIABILITY_VIOLATION DEV_ECC_SBE_VOL_TOTAL DEV_ECC_DBE_VOL_TOTAL
        DEV_ECC_SBE_AGG_TOTAL DEV_ECC_DBE_AGG_TOTAL DEV_RETIRED_SBE DEV_RETIRED_DBE DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL
        DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL
        DEV_UNCORRECTABLE_REMAPPED_ROWS DEV_CORRECTABLE_REMAPPED_ROWS PROF_SM_CYCLES_ELAPSED_TOTAL PROF_SM_CYCLES_ACTIVE_TOTAL
        PROF_MMA_CYCLES_ACTIVE_TOTAL PROF_DMMA_CYCLES_ACTIVE_TOTAL PROF_HMMA_CYCLES_ACTIVE_TOTAL PROF_IMMA_CYCLES_ACTIVE_TOTAL
        PROF_DFMA_CYCLES_ACTIVE_TOTAL PROF_PCIE_TX_BYTES_TOTAL PROF_PCIE_RX_BYTES_TOTAL PROF_INT_CYCLES_ACTIVE_TOTAL
        PROF_FP64_CYCLES_ACTIVE_TOTAL PROF_FP32_CYCLES_ACTIVE_TOTAL PROF_FP16_CYCLES_ACTIVE_TOTAL
        """
    /// The files call these counters; DCGM gives a rate, a flag and a rate.
    static let gaugesThatAreCalledCounters =
        "DEV_PCIE_TX_THROUGHPUT DEV_PCIE_RX_THROUGHPUT DEV_RETIRED_PENDING DEV_NVLINK_BANDWIDTH_L0"
    static let labels = """
        DRIVER_VERSION NVML_VERSION DEV_BRAND DEV_SERIAL DEV_OEM_INFOROM_VER DEV_ECC_INFOROM_VER DEV_POWER_INFOROM_VER
        DEV_INFOROM_IMAGE_VER DEV_VBIOS_VERSION
        """

    @Test("every metric of its collector files is known, with its type")
    func collectorFiles() throws {
        func words(_ text: String) -> [String] { text.split { $0.isWhitespace }.map { "DCGM_FI_" + $0 } }
        for name in words(Self.gauges) + words(Self.gaugesThatAreCalledCounters) {
            let field = try #require(DCGMCatalogue.field(named: name), "\(name)")
            #expect(field.metricType == .gauge && field.valueType != .text, "\(name)")
        }
        for name in words(Self.counters) {
            #expect(try #require(DCGMCatalogue.field(named: name), "\(name)").metricType == .counter, "\(name)")
        }
        for name in words(Self.labels) {
            #expect(try #require(DCGMCatalogue.field(named: name), "\(name)").valueType == .text, "\(name)")
        }
        #expect(words(Self.gauges).count == 26 && words(Self.counters).count == 33 && words(Self.labels).count == 9)
    }

    @Test("the names that exporters before 2.0 wrote lead to the same fields")
    func namesOfOldExporters() {
        let facts: [(String, UInt16)] = [
            ("dcgm_sm_clock", 100), ("dcgm_memory_clock", 101), ("dcgm_memory_temp", 140), ("dcgm_gpu_temp", 150),
            ("dcgm_power_usage", 155), ("dcgm_total_energy_consumption", 156), ("dcgm_pcie_tx_throughput", 200),
            ("dcgm_pcie_rx_throughput", 201), ("dcgm_pcie_replay_counter", 202), ("dcgm_gpu_utilization", 203),
            ("dcgm_mem_copy_utilization", 204), ("dcgm_enc_utilization", 206), ("dcgm_dec_utilization", 207),
            ("dcgm_xid_errors", 230),
            ("dcgm_power_violation", 240), ("dcgm_thermal_violation", 241), ("dcgm_sync_boost_violation", 242),
            ("dcgm_board_limit_violation", 243), ("dcgm_low_util_violation", 244), ("dcgm_reliability_violation", 245),
            ("dcgm_fb_free", 251), ("dcgm_fb_used", 252), ("dcgm_ecc_sbe_volatile_total", 310),
            ("dcgm_ecc_dbe_volatile_total", 311),
            ("dcgm_ecc_sbe_aggregate_total", 312), ("dcgm_ecc_dbe_aggregate_total", 313),
            ("dcgm_retired_pages_sbe", 390),
            ("dcgm_retired_pages_dbe", 391), ("dcgm_retired_pages_pending", 392),
            ("dcgm_nvlink_flit_crc_error_count_total", 409),
            ("dcgm_nvlink_data_crc_error_count_total", 419), ("dcgm_nvlink_replay_error_count_total", 429),
            ("dcgm_nvlink_recovery_error_count_total", 439), ("dcgm_nvlink_bandwidth_total", 449),
            ("dcgm_fi_prof_gr_engine_active", 1001),
            ("dcgm_fi_prof_sm_active", 1002), ("dcgm_fi_prof_sm_occupancy", 1003),
            ("dcgm_fi_prof_pipe_tensor_active", 1004),
            ("dcgm_fi_prof_dram_active", 1005), ("dcgm_fi_prof_pcie_tx_bytes", 1009),
            ("dcgm_fi_prof_pcie_rx_bytes", 1010),
        ]
        for (name, id) in facts { #expect(DCGMCatalogue.field(named: name)?.id == id, "\(name)") }
        let known = DCGMCatalogue.fields.flatMap(\.aliases).filter { $0.hasPrefix("dcgm_") }
        #expect(Set(known) == Set(facts.map(\.0)))
    }

    @Test("what the exporter counts itself is known, and has no number of DCGM")
    func exporterOwned() {
        let owned = DCGMCatalogue.fields.filter { $0.id == nil }
        #expect(
            owned.map(\.name) == [
                "DCGM_EXP_CLOCK_EVENTS_COUNT", "DCGM_EXP_CLOCK_EVENTS_TOTAL", "DCGM_EXP_GPU_HEALTH_STATUS",
                "DCGM_EXP_P2P_STATUS",
                "DCGM_EXP_XID_ERRORS_COUNT", "DCGM_EXP_XID_ERRORS_TOTAL",
            ])
        #expect(
            owned.filter { $0.metricType == .counter }.map(\.name) == [
                "DCGM_EXP_CLOCK_EVENTS_TOTAL", "DCGM_EXP_XID_ERRORS_TOTAL",
            ])
    }

    @Test(
        "all metrics of the real export are known, and all their values are sound",
        .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() throws {
        var reader = try DCGMReader(path: RealExport.path)
        var rows = DCGMRows()
        try reader.read(into: &rows)
        #expect(rows.count == 2_470)
        let rules = reader.series.map { ValueRule(metricName: $0.metricName) }
        #expect(rules.allSatisfy { $0.field != nil })
        #expect(Set(rules.map { $0.field!.name }).count == 10)
        for (series, value) in zip(rows.seriesIndices, rows.values) {
            let verdict = "\(value)".withUTF8Bytes { rules[Int(series)].judge(value, text: $0) }
            #expect(verdict == .sound, "\(reader.series[Int(series)].metricName) \(value)")
        }
    }
}

extension String {
    func withUTF8Bytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { Array(utf8).withUnsafeBytes(body) }
}
