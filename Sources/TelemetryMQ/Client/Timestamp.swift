// Members of the type, for users who enable `MemberImportVisibility`.
@_exported import struct TelemetryBase.Timestamp
@_exported import struct TelemetryBase.TimestampFormatError

/// A moment in nanoseconds since 1970-01-01T00:00:00Z. The queue counts microseconds. The text form is RFC 3339.
public typealias Timestamp = TelemetryBase.Timestamp
