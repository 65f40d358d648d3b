import ExampleSupport
import TelemetryMQClient
import TelemetryModels
import TelemetryPipeline
import TelemetryScraping

let program = Program(
    name: "streamer",
    summary: "Reads DCGM exports or scrapes a dcgm-exporter, and publishes the samples as batches to an mq-server.",
    options: Options.all)

await program.main { try await stream($0) }
