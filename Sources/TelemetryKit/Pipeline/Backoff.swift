import TelemetryNet

/// How long to wait before the next attempt: twice as long each time, and not the same for all who wait.
public typealias Backoff = TelemetryNet.Backoff
