extension DCGMFieldTable {
    /// Nanoseconds, according to the headers of DCGM 4.6. Older headers, and the help texts of older exporters, say
    /// microseconds for the same numbers.
    static let violation: [DCGMField] = [
        counter(
            .violation, 240, "DEV_POWER_VIOLATION", was: ["dcgm_power_violation"], in: "ns",
            "Time throttled by the power limit"),
        counter(
            .violation, 241, "DEV_THERMAL_VIOLATION", was: ["dcgm_thermal_violation"], in: "ns",
            "Time throttled by temperature"),
        counter(
            .violation, 242, "DEV_SYNC_BOOST_VIOLATION", was: ["dcgm_sync_boost_violation"], in: "ns",
            "Time throttled by other GPUs of the sync boost group"),
        counter(
            .violation, 243, "DEV_BOARD_LIMIT_VIOLATION", was: ["dcgm_board_limit_violation"], in: "ns",
            "Time throttled by the board's limit"),
        counter(
            .violation, 244, "DEV_LOW_UTIL_VIOLATION", was: ["dcgm_low_util_violation"], in: "ns",
            "Time with lowered clocks because of low utilisation"),
        counter(
            .violation, 245, "DEV_RELIABILITY_VIOLATION", was: ["dcgm_reliability_violation"], in: "ns",
            "Time throttled by the reliability limit"),
        counter(
            .violation, 246, "DEV_TOTAL_APP_CLOCKS_VIOLATION", in: "ns",
            "Time below the application clocks, for whatever reason"),
        counter(.violation, 247, "DEV_TOTAL_BASE_CLOCKS_VIOLATION", in: "ns", "Time below the base clocks"),
        counter(
            .violation, 1420, "DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", in: "ns",
            "Time with clocks limited by the power limit"),
        counter(
            .violation, 1421, "DEV_CLOCKS_EVENT_REASON_SYNC_BOOST_NS", in: "ns",
            "Time with clocks limited by the sync boost group"),
        counter(
            .violation, 1422, "DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS", in: "ns",
            "Time with clocks limited by the driver because of temperature"),
        counter(
            .violation, 1423, "DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", in: "ns",
            "Time with clocks halved or less because of heat"),
        counter(
            .violation, 1424, "DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", in: "ns",
            "Time with clocks halved or less because the power supply asked for it"),
        counter(
            .violation, 1617, "DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time throttled by the power limit"),
        counter(
            .violation, 1618, "DEV_GPU_THERMAL_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time throttled by temperature"),
        counter(
            .violation, 1619, "DEV_GPU_SYNC_BOOST_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time throttled by other GPUs of the sync boost group"),
        counter(
            .violation, 1620, "DEV_GPU_LIMIT_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time throttled by the board's limit"),
        counter(
            .violation, 1621, "DEV_GPU_LOW_UTIL_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time with lowered clocks because of low utilisation"),
        counter(
            .violation, 1622, "DEV_GPU_RELIABILITY_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time throttled by the reliability limit"),
        counter(
            .violation, 1623, "DEV_GPU_APP_THROTTLE_SECONDS_TOTAL", in: "s", as: .double,
            "Time below the application clocks, for whatever reason"),
        counter(
            .violation, 1624, "DEV_GPU_BASE_THROTTLE_SECONDS_TOTAL", in: "s", as: .double, "Time below the base clocks"),
    ]
}
