@_exported import TelemetryMQClient
@_exported import TelemetryMQLog
@_exported import TelemetryMQServer
