import BenchmarkSupport
import TelemetryIO

// One measurement of the queue or of what it is compared with; scripts/bench.py compares them.
ignoreBrokenPipeSignal()
let arguments = Arguments(CommandLine.arguments.dropFirst())

switch arguments.words.first {
case "publish":
    PublishLoad(
        peer: arguments.peer, port: arguments.int("port"), payloadBytes: arguments.int("size"),
        count: arguments.int("count"),
        connections: arguments.int("connections", default: 1), window: arguments.int("window"),
        perFrame: arguments.int("per-frame", default: 1), identified: arguments.int("identified", default: 0) != 0
    ).run()
case "replay":
    ReplayLoad(
        peer: arguments.peer, port: arguments.int("port"), payloadBytes: arguments.int("size"),
        count: arguments.int("count"),
        subscribers: arguments.int("subscribers"), stopped: arguments.int("stopped", default: 0),
        logBytes: arguments.int("log-bytes", default: 0)
    ).run()
case "latency":
    LatencyLoad(
        peer: arguments.peer, port: arguments.int("port"), payloadBytes: arguments.int("size"),
        rate: arguments.int("rate"),
        count: arguments.int("count")
    ).run()
case "serve-append": BareServer.append(to: arguments.string("file"), frameBytes: arguments.int("frame"), port: 0)
case "serve-discard": BareServer.append(to: nil, frameBytes: arguments.int("frame"), port: 0)
case "serve-sendfile": BareServer.deliver(arguments.string("file"), by: .sendfile, port: 0)
case "serve-map": BareServer.deliver(arguments.string("file"), by: .map, port: 0)
case "sync":
    BareServer.syncEach(
        path: arguments.string("file"), recordBytes: arguments.int("record"), seconds: arguments.int("seconds"))
case "frame-bytes":
    print(
        Peer.mq.publishFrame(
            payload: Peer.payload(arguments.int("size")), perFrame: arguments.int("per-frame", default: 1),
            connection: 0
        ).count)
default: fail("publish, replay, latency, serve-append, serve-discard, serve-sendfile, serve-map, sync or frame-bytes")
}
