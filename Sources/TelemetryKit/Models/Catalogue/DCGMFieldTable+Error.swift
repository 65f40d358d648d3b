extension DCGMFieldTable {
    static let error: [DCGMField] = faults + eccTotals + eccByPlace

    private static let faults: [DCGMField] = [
        gauge(
            .error, 230, "DEV_XID_ERROR", was: ["DEV_XID_ERRORS", "dcgm_xid_errors"], 0...999,
            "The last Xid that the driver reported; 0 is none (see XIDError)"),
        gauge(.error, 300, "DEV_ECC_MODE", was: ["DEV_ECC_CURRENT"], flag, "1 if errors in memory are corrected (ECC)"),
        gauge(.error, 301, "DEV_ECC_PENDING", flag, "1 if ECC is on from the next start of the device"),
        gauge(
            .error, 346, "DEV_SRAM_EXCEEDED", was: ["DEV_THRESHOLD_SRM"], flag,
            "1 if uncorrectable SRAM errors exceed the threshold"),
        gauge(
            .error, 385, "DEV_BANK_REMAP_AVAIL_MAX", was: ["DEV_BANKS_REMAP_ROWS_AVAIL_MAX"], zeroAndUp,
            "Memory banks with all of their spare rows"),
        gauge(
            .error, 386, "DEV_BANK_REMAP_AVAIL_HIGH", was: ["DEV_BANKS_REMAP_ROWS_AVAIL_HIGH"], zeroAndUp,
            "Memory banks with most of their spare rows"),
        gauge(
            .error, 387, "DEV_BANK_REMAP_AVAIL_PARTIAL", was: ["DEV_BANKS_REMAP_ROWS_AVAIL_PARTIAL"], zeroAndUp,
            "Memory banks with some of their spare rows"),
        gauge(
            .error, 388, "DEV_BANK_REMAP_AVAIL_LOW", was: ["DEV_BANKS_REMAP_ROWS_AVAIL_LOW"], zeroAndUp,
            "Memory banks with few of their spare rows"),
        gauge(
            .error, 389, "DEV_BANK_REMAP_AVAIL_NONE", was: ["DEV_BANKS_REMAP_ROWS_AVAIL_NONE"], zeroAndUp,
            "Memory banks with no spare row left"),
        counter(
            .error, 390, "DEV_PAGE_RETIRED_SBE_TOTAL", was: ["DEV_RETIRED_SBE", "dcgm_retired_pages_sbe"],
            "Pages given up because of single-bit errors"),
        counter(
            .error, 391, "DEV_PAGE_RETIRED_DBE_TOTAL", was: ["DEV_RETIRED_DBE", "dcgm_retired_pages_dbe"],
            "Pages given up because of double-bit errors"),
        gauge(
            .error, 392, "DEV_PAGE_RETIRED_PENDING", was: ["DEV_RETIRED_PENDING", "dcgm_retired_pages_pending"],
            zeroAndUp,
            "Not 0 if pages are waiting to be retired at the next start"),
        counter(
            .error, 393, "DEV_ROW_REMAP_UNCORRECTABLE_TOTAL", was: ["DEV_UNCORRECTABLE_REMAPPED_ROWS"],
            "Memory rows replaced because of uncorrectable errors"),
        counter(
            .error, 394, "DEV_ROW_REMAP_CORRECTABLE_TOTAL", was: ["DEV_CORRECTABLE_REMAPPED_ROWS"],
            "Memory rows replaced because of correctable errors"),
        gauge(
            .error, 395, "DEV_ROW_REMAP_FAILED", was: ["DEV_ROW_REMAP_FAILURE"], flag,
            "1 if a row could not be replaced"),
        gauge(.error, 396, "DEV_ROW_REMAP_PENDING", flag, "1 if rows are replaced at the next reset"),
        gauge(
            .error, 1507, "DEV_MEMORY_UNREPAIRABLE", was: ["DEV_MEMORY_UNREPAIRABLE_FLAG"], flag,
            "1 if memory has errors that cannot be repaired"),
    ]

    private static let eccTotals: [DCGMField] = [
        counter(
            .error, 310, "DEV_ECC_SBE_VOL_TOTAL", was: ["dcgm_ecc_sbe_volatile_total"],
            "Single-bit errors since the driver was loaded"),
        counter(
            .error, 311, "DEV_ECC_DBE_VOL_TOTAL", was: ["dcgm_ecc_dbe_volatile_total"],
            "Double-bit errors since the driver was loaded"),
        counter(
            .error, 312, "DEV_ECC_SBE_AGG_TOTAL", was: ["dcgm_ecc_sbe_aggregate_total"],
            "Single-bit errors in the device's life"),
        counter(
            .error, 313, "DEV_ECC_DBE_AGG_TOTAL", was: ["dcgm_ecc_dbe_aggregate_total"],
            "Double-bit errors in the device's life"),
    ]

    /// For each location in the device, four fields with consecutive ids, or two pairs.
    private static let eccByPlace: [DCGMField] = [
        ("L1", "in the L1 cache", 314, 324), ("L2", "in the L2 cache", 316, 326),
        ("DEV", "in the device's memory", 318, 328),
        ("REG", "in the register file", 320, 330), ("TEX", "in the texture memory", 322, 332),
        ("SHM", "in the texture's shared memory", 334, 338), ("CBU", "in the CBU", 336, 340),
        ("SRM", "in SRAM", 342, 344),
    ].flatMap { (suffix: String, place: String, volatile: UInt16, aggregate: UInt16) -> [DCGMField] in
        [
            counter(
                .error, volatile, "DEV_ECC_SBE_VOL_\(suffix)", "Single-bit errors \(place) since the driver was loaded"),
            counter(
                .error, volatile + 1, "DEV_ECC_DBE_VOL_\(suffix)",
                "Double-bit errors \(place) since the driver was loaded"),
            counter(.error, aggregate, "DEV_ECC_SBE_AGG_\(suffix)", "Single-bit errors \(place) in the device's life"),
            counter(
                .error, aggregate + 1, "DEV_ECC_DBE_AGG_\(suffix)", "Double-bit errors \(place) in the device's life"),
        ]
    }
}
