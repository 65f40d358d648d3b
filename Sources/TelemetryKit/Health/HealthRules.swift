import TelemetryModels

/// The rules by which a GPU has a problem.
public struct HealthRules: Sendable, Hashable {
    /// The age after which a GPU is stale or a metric has vanished: its newest sample is older than the newest of all,
    /// or of the GPU, by this time. The clock is not used, so that an old export can be replayed. Default: three times
    /// the 30 s at which dcgm-exporter collects by default.
    public var staleAfter = Duration.seconds(90)
    /// The limits of GPU temperatures in °C, if the GPU does not report its own slowdown threshold
    /// (`DCGM_FI_DEV_GPU_TEMP_SLOWDOWN_CELSIUS`, `DCGM_FI_DEV_MEMORY_MAX_OP_TEMP_CELSIUS`). The defaults are our own
    /// choice: data-centre GPUs slow down at 85 to 95 °C, their HBM at 95 to 105 °C.
    public var gpuTemperature = Limits(warning: 85, critical: 92)
    /// The limits of memory temperatures in °C, if the GPU does not report its own.
    public var memoryTemperature = Limits(warning: 95, critical: 103)
    /// A temperature within this number of °C below the GPU's slowdown threshold is a warning; the threshold itself is
    /// critical.
    public var temperatureMargin = 5.0

    /// The two limits of a quantity.
    public struct Limits: Sendable, Hashable {
        /// The value from which on it is a warning.
        public var warning: Double
        /// The value from which on it is critical.
        public var critical: Double

        /// Creates both limits, in the unit of the quantity.
        public init(warning: Double, critical: Double) {
            self.warning = warning
            self.critical = critical
        }
    }

    /// Creates rules with the default values.
    public init() {}
}

extension HealthRules {
    /// The DCGM ids of the fields that are evaluated.
    enum Field {
        static let gpuTemperature: UInt16 = 150
        static let gpuSlowdownTemperature: UInt16 = 158
        static let memoryTemperature: UInt16 = 140
        static let memoryMaximumTemperature: UInt16 = 151
        static let xid: UInt16 = 230
    }

    /// Fields that indicate a problem if they are not 0, with its severity.
    static let faults: [UInt16: (severity: HealthAlert.Severity, advice: String)] = [
        311: (.critical, "drain and reset the GPU"),
        313: (.warning, "monitor whether it recurs"),
        346: (.critical, "replace the GPU"),
        392: (.warning, "restart the GPU when it is idle"),
        395: (.critical, "replace the GPU"),
        396: (.warning, "reset the GPU when it is idle"),
        1507: (.critical, "replace the GPU"),
    ]

    /// Returns the problem of the value itself; `nil` if there is none.
    ///
    /// - Parameter bound: For a temperature, the slowdown threshold that the GPU reports.
    func alert(_ sample: GPUMetric, _ field: DCGMField, bound: Double?) -> HealthAlert? {
        func alert(_ severity: HealthAlert.Severity, _ kind: HealthAlert.Kind, _ message: String) -> HealthAlert {
            HealthAlert(
                severity: severity, kind: kind, gpu: sample.gpu, metricName: sample.metricName, value: sample.value,
                timestamp: sample.timestamp, message: message)
        }
        let shown = DCGMField.shown(sample.value) + (field.unit.isEmpty ? "" : " " + field.unit)
        guard field.validRange.contains(sample.value) else {
            return alert(
                .warning, .outOfRange,
                "\(sample.metricName) is \(shown), but a working device reports \(field.rangeDescription)")
        }
        switch field.id {
        case Field.xid:
            guard let error = XIDError(value: sample.value), error.severity > .informational else { return nil }
            let name = error.mnemonic.isEmpty ? "" : " \(error.mnemonic)"
            return alert(
                error.severity == .critical ? .critical : .warning, .xid,
                "Xid \(error.code)\(name): \(error.meaning); \(error.action.rawValue)")
        case Field.gpuTemperature, Field.memoryTemperature:
            let preset = field.id == Field.gpuTemperature ? gpuTemperature : memoryTemperature
            let limits = bound.map { Limits(warning: $0 - temperatureMargin, critical: $0) } ?? preset
            guard sample.value >= limits.warning else { return nil }
            let isCritical = sample.value >= limits.critical
            let limit = DCGMField.shown(isCritical ? limits.critical : limits.warning)
            return alert(
                isCritical ? .critical : .warning, .thermal,
                "\(field.meaning) is \(shown), at or above \(limit) \(field.unit)")
        default:
            guard let id = field.id, sample.value != 0, let fault = Self.faults[id] else { return nil }
            return alert(fault.severity, .ecc, "\(field.meaning): \(shown); \(fault.advice)")
        }
    }
}
