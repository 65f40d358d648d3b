import TelemetryModels

/// By what a GPU counts as ill.
public struct HealthRules: Sendable, Hashable {
    /// A GPU is stale, and a metric has vanished, when its newest sample is so much older than the newest of all, or of the GPU. It is
    /// not counted from the clock, so that an old export can be replayed. The default is three times the 30 s at which dcgm-exporter
    /// collects where it is told nothing.
    public var staleAfter = Duration.seconds(90)
    /// Of temperatures in °C, where the GPU does not say itself at which it slows down (`DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS`,
    /// `DCGM_FI_DEV_MEMORY_MAX_OP_TEMP_CELSIUS`). Ours: data-centre GPUs slow down at 85 to 95 °C, their HBM at 95 to 105 °C.
    public var gpuTemperature = Limits(warning: 85, critical: 92)
    /// Of the device's memory, in °C, likewise.
    public var memoryTemperature = Limits(warning: 95, critical: 103)
    /// So many °C below the temperature at which the GPU slows down are a warning; that temperature is critical.
    public var temperatureMargin = 5.0

    /// Two bounds of one quantity.
    public struct Limits: Sendable, Hashable {
        /// From here on it is a warning.
        public var warning: Double
        /// From here on it is critical.
        public var critical: Double

        /// Both bounds, in the unit of what they bound.
        public init(warning: Double, critical: Double) {
            self.warning = warning
            self.critical = critical
        }
    }

    /// The defaults.
    public init() {}
}

extension HealthRules {
    /// DCGM's numbers of the fields that are judged.
    enum Field {
        static let gpuTemperature: UInt16 = 150
        static let gpuSlowdownTemperature: UInt16 = 158
        static let memoryTemperature: UInt16 = 140
        static let memoryMaximumTemperature: UInt16 = 151
        static let xid: UInt16 = 230
    }

    /// Fields that are ill where they are not 0, and how ill.
    static let faults: [UInt16: (severity: HealthAlert.Severity, advice: String)] = [
        311: (.critical, "drain the GPU and reset it"),
        313: (.warning, "watch whether it comes again"),
        346: (.critical, "the GPU is to be replaced"),
        392: (.warning, "restart the GPU when it is idle"),
        395: (.critical, "the GPU is to be replaced"),
        396: (.warning, "reset the GPU when it is idle"),
        1507: (.critical, "the GPU is to be replaced"),
    ]

    /// What is wrong with the value itself; `nil` where nothing is.
    ///
    /// - Parameter bound: of a temperature, at which the GPU says that it slows down.
    func alert(_ sample: GPUMetric, _ field: DCGMField, bound: Double?) -> HealthAlert? {
        func alert(_ severity: HealthAlert.Severity, _ kind: HealthAlert.Kind, _ message: String) -> HealthAlert {
            HealthAlert(
                severity: severity, kind: kind, gpu: sample.gpu, metricName: sample.metricName, value: sample.value,
                timestamp: sample.timestamp, message: message)
        }
        let shown = DCGMField.shown(sample.value) + (field.unit.isEmpty ? "" : " " + field.unit)
        guard field.validRange.contains(sample.value) else {
            return alert(.warning, .outOfRange, "\(sample.metricName) is \(shown), and a sound device reports \(field.rangeDescription)")
        }
        switch field.id {
        case Field.xid:
            guard let error = XIDError(value: sample.value), error.severity > .informational else { return nil }
            let name = error.mnemonic.isEmpty ? "" : " \(error.mnemonic)"
            return alert(
                error.severity == .critical ? .critical : .warning, .xid, "Xid \(error.code)\(name): \(error.meaning); \(error.action.rawValue)")
        case Field.gpuTemperature, Field.memoryTemperature:
            let preset = field.id == Field.gpuTemperature ? gpuTemperature : memoryTemperature
            let limits = bound.map { Limits(warning: $0 - temperatureMargin, critical: $0) } ?? preset
            guard sample.value >= limits.warning else { return nil }
            let isCritical = sample.value >= limits.critical
            let limit = DCGMField.shown(isCritical ? limits.critical : limits.warning)
            return alert(isCritical ? .critical : .warning, .thermal, "\(field.meaning) is \(shown), at or above \(limit) \(field.unit)")
        default:
            guard let id = field.id, sample.value != 0, let fault = Self.faults[id] else { return nil }
            return alert(fault.severity, .ecc, "\(field.meaning): \(shown); \(fault.advice)")
        }
    }
}
