// Members of the type, for users who enable `MemberImportVisibility`.
@_exported import struct TelemetryBase.MetricsText

/// Metrics in the Prometheus text format 0.0.4, as ``ServiceEndpoints`` serves them.
public typealias MetricsText = TelemetryBase.MetricsText
