import ExampleSupport
import Glibc
import TelemetryMQServer

let program = Program(
    name: "mq-server",
    summary: "Keeps one append-only log of JSON messages and delivers it to any number of subscribers.",
    options: Options.all, furtherHelp: Commands.help)

// A write beyond the limit of a file's size (`ulimit -f`) is refused as one without room, instead of ending the program.
signal(SIGXFSZ, SIG_IGN)
raiseDescriptorLimit()
await Commands.runIfNamed(Array(CommandLine.arguments.dropFirst()))
await program.main { context in
    let log = context.log
    var configuration = MQServer.Configuration()
    configuration.host = context[Options.tcpHost]
    configuration.port = context[Options.tcpPort]
    configuration.httpHost = context[Options.httpHost]
    configuration.httpPort = context[Options.httpPort]
    configuration.dataDirectory = context[Options.dataDirectory]
    configuration.sync = context[Options.sync]
    configuration.segmentBytes = Int64(context[Options.segmentBytes])
    configuration.retentionBytes = context[Options.retentionBytes].map(Int64.init)
    configuration.retentionAge = context[Options.retentionAge]
    configuration.maxFrameBytes = context[Options.maxFrameBytes]
    configuration.receiveBytes = context[Options.receiveBytes]
    configuration.frameTimeout = context[Options.frameTimeout]
    configuration.maxPositions = context[Options.maxPositions]
    configuration.positionExpiry = context[Options.positionExpiry]
    configuration.token = context[Options.token]
    configuration.onEvent = { event in
        switch event {
        case .segmentsDropped, .positionsExpired, .storageAvailable, .clockCaughtUp, .opening: log.info("\(event)")
        case .tailCut, .logIdentity, .positionRepaired, .positionsRefused, .acceptFailure, .clientRefused,
            .clockDiffers:
            log.warning("\(event)")
        case .storageFailure, .storageFull: log.error("\(event)")
        }
    }

    let server = try await MQServer(configuration: configuration)
    log.info(
        "listening",
        [
            "tcp": "\(configuration.host):\(server.port)",
            "http": server.httpPort.map { "\(configuration.httpHost):\($0)" } ?? "none",
            "data_dir": configuration.dataDirectory ?? "memory",
            "segments": server.recovery.segmentCount, "messages": server.recovery.messageCount,
            "bytes": server.recovery.byteCount, "next_offset": server.recovery.nextOffset,
        ])

    let signal = await context.signals.first()
    log.info("draining", ["signal": signal ?? "none"])
    await server.shutdown()
    log.info("stopped")
    return Program.ExitCode.done
}
