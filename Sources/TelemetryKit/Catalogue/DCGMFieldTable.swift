enum DCGMFieldTable {
    static let all: [DCGMField] = [
        DCGMField(
            id: 150, name: "DCGM_FI_DEV_GPU_TEMP_CELSIUS", aliases: ["DCGM_FI_DEV_GPU_TEMP"], kind: .thermal, unit: "°C",
            validRange: 0...150, meaning: "Temperature of the GPU's die")
    ]
}
