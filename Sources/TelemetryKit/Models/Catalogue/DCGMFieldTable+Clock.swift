extension DCGMFieldTable {
    private static let megahertz: Range = 0...5_000
    /// For memory with several transfers per cycle, drivers report up to half of the transfer rate.
    private static let memoryMegahertz: Range = 0...20_000
    private static let hertz: Range = 0...5_000_000_000
    private static let memoryHertz: Range = 0...20_000_000_000
    private static let reasons: Range = 0...0xFFFF

    static let clock: [DCGMField] = [
        gauge(
            .clock, 100, "DEV_SM_CLOCK", was: ["dcgm_sm_clock"], in: "MHz", megahertz,
            "Clock of the streaming multiprocessors"),
        gauge(
            .clock, 101, "DEV_MEM_CLOCK", was: ["dcgm_memory_clock"], in: "MHz", memoryMegahertz, "Clock of the memory"),
        gauge(.clock, 102, "DEV_VIDEO_CLOCK", in: "MHz", megahertz, "Clock of the video encoders and decoders"),
        gauge(
            .clock, 110, "DEV_APP_SM_CLOCK", in: "MHz", megahertz, "SM clock that applications were given as a target"),
        gauge(
            .clock, 111, "DEV_APP_MEM_CLOCK", in: "MHz", memoryMegahertz,
            "Memory clock that applications were given as a target"),
        gauge(
            .clock, 112, "DEV_CLOCKS_EVENT_REASONS", was: ["DEV_CLOCK_THROTTLE_REASONS"], reasons,
            "The reasons why clocks are limited: a mask (1 idle, 4 power cap, 8 hardware slowdown, 32 and 64 thermal, 128 power brake)"
        ),
        gauge(.clock, 113, "DEV_MAX_SM_CLOCK", in: "MHz", megahertz, "Highest SM clock that the device supports"),
        gauge(
            .clock, 114, "DEV_MAX_MEM_CLOCK", in: "MHz", memoryMegahertz,
            "Highest memory clock that the device supports"),
        gauge(.clock, 115, "DEV_MAX_VIDEO_CLOCK", in: "MHz", megahertz, "Highest video clock that the device supports"),
        gauge(
            .clock, 120, "DEV_CLOCKS_AUTOBOOST_MODE", was: ["DEV_AUTOBOOST"], flag, "1 if clocks may rise by themselves"
        ),
        gauge(.clock, 1120, "DEV_CPU_CLOCK_CURRENT", in: "kHz", 0...10_000_000, "Clock of a CPU core"),
        gauge(.clock, 1603, "DEV_SM_CLOCK_HERTZ", in: "Hz", hertz, "Clock of the streaming multiprocessors"),
        gauge(.clock, 1604, "DEV_MEMORY_CLOCK_HERTZ", in: "Hz", memoryHertz, "Clock of the memory"),
        gauge(.clock, 1605, "DEV_VIDEO_CLOCK_HERTZ", in: "Hz", hertz, "Clock of the video encoders and decoders"),
        gauge(
            .clock, 1606, "DEV_SM_APP_CLOCK_HERTZ", in: "Hz", hertz, "SM clock that applications were given as a target"
        ),
        gauge(
            .clock, 1607, "DEV_MEMORY_APP_CLOCK_HERTZ", in: "Hz", memoryHertz,
            "Memory clock that applications were given as a target"),
        gauge(.clock, 1608, "DEV_SM_MAX_CLOCK_HERTZ", in: "Hz", hertz, "Highest SM clock that the device supports"),
        gauge(
            .clock, 1609, "DEV_MEMORY_MAX_CLOCK_HERTZ", in: "Hz", memoryHertz,
            "Highest memory clock that the device supports"),
        gauge(
            .clock, 1610, "DEV_VIDEO_MAX_CLOCK_HERTZ", in: "Hz", hertz, "Highest video clock that the device supports"),
    ]
}
