// Members of the types, for users who enable `MemberImportVisibility`.
@_exported import struct TelemetryBase.Timestamp
@_exported import struct TelemetryBase.TimestampFormatError

/// A moment in nanoseconds since 1970-01-01T00:00:00Z. The text form is RFC 3339.
public typealias Timestamp = TelemetryBase.Timestamp

/// The reason why a text is not an RFC 3339 time.
public typealias TimestampFormatError = TelemetryBase.TimestampFormatError
