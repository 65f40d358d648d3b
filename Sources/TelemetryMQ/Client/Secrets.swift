// Members of the type, for users who enable `MemberImportVisibility`.
@_exported import struct TelemetryBase.Secrets

/// Texts that no message may contain, such as tokens and passwords: it redacts them in other texts.
public typealias Secrets = TelemetryBase.Secrets
