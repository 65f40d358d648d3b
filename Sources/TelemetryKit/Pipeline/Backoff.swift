// Members of the type, for users who enable `MemberImportVisibility`.
@_exported import struct TelemetryBase.Backoff

/// The time to wait before the next attempt: doubled each time, and randomised so that clients do not retry in step.
public typealias Backoff = TelemetryBase.Backoff
