extension DCGMFieldTable {
    static let memory: [DCGMField] = [
        gauge(
            .memory, 90, "DEV_BAR1_TOTAL", in: "MiB", mebibytes,
            "Size of BAR1, the window through which the host sees the memory"),
        gauge(.memory, 92, "DEV_BAR1_USED", in: "MiB", mebibytes, "BAR1 in use"),
        gauge(.memory, 93, "DEV_BAR1_FREE", in: "MiB", mebibytes, "BAR1 free"),
        gauge(.memory, 250, "DEV_FB_TOTAL", in: "MiB", mebibytes, "Size of the framebuffer, the GPU's memory"),
        gauge(.memory, 251, "DEV_FB_FREE", was: ["dcgm_fb_free"], in: "MiB", mebibytes, "Framebuffer free"),
        gauge(.memory, 252, "DEV_FB_USED", was: ["dcgm_fb_used"], in: "MiB", mebibytes, "Framebuffer in use"),
        gauge(
            .memory, 253, "DEV_FB_RESERVED", in: "MiB", mebibytes,
            "Framebuffer that driver and firmware keep for themselves"),
        gauge(
            .memory, 254, "DEV_FB_USED_RATIO", was: ["DEV_FB_USED_PERCENT"], ratio, as: .double,
            "Framebuffer in use, of what is not reserved"),
        gauge(.memory, 525, "DEV_VGPU_MEMORY_USAGE", in: "MiB", mebibytes, "Framebuffer in use by the vGPU"),
        gauge(
            .memory, 1600, "DEV_BAR1_CAPACITY_BYTES", in: "B", bytes,
            "Size of BAR1, the window through which the host sees the memory"),
        gauge(.memory, 1601, "DEV_BAR1_USED_BYTES", in: "B", bytes, "BAR1 in use"),
        gauge(.memory, 1602, "DEV_BAR1_FREE_BYTES", in: "B", bytes, "BAR1 free"),
        gauge(.memory, 1625, "DEV_FB_CAPACITY_BYTES", in: "B", bytes, "Size of the framebuffer, the GPU's memory"),
        gauge(.memory, 1626, "DEV_FB_FREE_BYTES", in: "B", bytes, "Framebuffer free"),
        gauge(.memory, 1627, "DEV_FB_USED_BYTES", in: "B", bytes, "Framebuffer in use"),
        gauge(
            .memory, 1628, "DEV_FB_RESERVED_BYTES", in: "B", bytes,
            "Framebuffer that driver and firmware keep for themselves"),
        gauge(.memory, 1649, "DEV_VGPU_FB_USED_BYTES", in: "B", bytes, "Framebuffer in use by the vGPU"),
    ]
}
