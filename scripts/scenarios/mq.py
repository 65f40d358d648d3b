"""The message queue compared with Redis Streams, NATS JetStream and bare loops."""
import contextlib
import json
import socket

from .common import ROOT, Failure, first_line, free_port, median

ROUNDS = 5
NATS = next((str(path) for path in [ROOT / ".run/python/bin/nats-server"] if path.exists()), "nats-server")
# work: bytes of a payload, messages, connections, window, messages per frame, unit, `(peer, target)`
PUBLISHES = {
    "publish 200 B, 1 connection": (200, 1_500_000, 1, 16384, 1, "M msg/s",
                                    [("redis", 3), ("nats", 6), ("bare", 0.35), ("discard", None)]),
    "the same with producer and sequence": (200, 1_500_000, 1, 16384, 1, "M msg/s", [("bare", None)]),
    "publish 200 B, 16 connections": (200, 1_500_000, 16, 1024, 1, "M msg/s", [("bare", 0.35)]),
    "publish 200 B, 256 connections": (200, 1_500_000, 256, 64, 1, "M msg/s", [("bare", 0.35)]),
    "publish 200 B, 100 per frame": (200, 2_000_000, 1, 256, 100, "M msg/s", [("redis", 8)]),
    "publish 64 KiB": (65536, 8000, 1, 64, 1, "GB/s", [("nats", 2), ("redis", 3), ("bare", None)]),
}


@contextlib.contextmanager
def nats(bench):
    directory, port = bench.fresh("nats"), free_port()
    settings = directory / "nats.conf"
    settings.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{directory}/store" }}\n')
    with bench.start(NATS, "-c", settings, port=port, directory=directory) as server:
        jetstream(port, "STREAM.CREATE.bench", {"name": "bench", "subjects": ["bench"], "storage": "file"})
        yield server


def jetstream(port, call, body=None):
    body = json.dumps(body) if body else ""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(
            f'CONNECT {{"verbose":false}}\r\nSUB re 1\r\nPUB $JS.API.{call} re {len(body)}\r\n{body}\r\n'.encode())
        response = b""
        while b"MSG re" not in response or not response.endswith(b"}\r\n"):
            response += peer.recv(65536)
    if b'"error"' in response:
        raise Failure(f"JetStream refused {call}: {response.decode()}")


def server(bench, peer, frame=0):
    if peer == "mq":
        return bench.mq_server()
    if peer == "nats":
        return nats(bench)
    if peer == "redis":
        directory, port = bench.fresh("redis"), free_port()
        return bench.start("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--appendonly",
                           "yes", "--appendfsync", "everysec", "--save", "", port=port, directory=directory)
    work, *file = ("serve-append", "--file", bench.directory / "bare") if peer == "bare" else ("serve-discard",)
    return bench.start(bench.release / "mq-bench", work, *file, "--frame", frame)


def warm(bench):
    """Touches page cache: what a guest machine touches for the first time is several times slower."""
    path = bench.directory / "warm"
    path.write_bytes(bytes(bench.count(1500 << 20)))
    path.unlink()


def mq_bench(bench, work, peer, port, size, **options):
    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    # `discard`, `sendfile` and `map` speak as `bare` does.
    peer = peer if peer in ("mq", "redis", "nats") else "bare"
    return bench.load(bench.generator / "mq-bench", work, "--peer", peer, "--port", port, "--size", size, *words)


def publish(bench):
    for work, (size, count, connections, window, per_frame, unit, bars) in PUBLISHES.items():
        frame = bench.load(bench.release / "mq-bench", "frame-bytes", "--size", size, "--per-frame", per_frame)

        def measure(peer):
            warm(bench)
            # A quarter for slow peers. JetStream refuses more than a few thousand that are not yet acknowledged.
            messages = bench.count(count // 4 if peer in ("redis", "nats") else count, 1000)
            limit = min(window, max(1, 4000 // connections)) if peer == "nats" else window
            with server(bench, peer, frame) as running:
                result = mq_bench(bench, "publish", peer, running.port, size, count=messages, window=limit,
                                  connections=connections, per_frame=per_frame,
                                  identified=int("sequence" in work and peer == "mq"))
            return (result["bytes"] / 1e9 if unit == "GB/s" else result["messages"] / 1e6) / result["seconds"]

        peers = ["mq", *(peer for peer, _ in bars)]
        bench.compare(work, unit, bench.interleave({peer: lambda peer=peer: measure(peer) for peer in peers}), bars,
                      "mq")


def replay(bench):
    replay_of(bench, 200, "200 B", 1_000_000, 400_000, 16384)
    replay_of(bench, 65536, "64 KiB", 6000, 3000, 64)


def replay_of(bench, size, name, count, slow_count, window):
    """Every server is filled once; then come the rounds of 1, 4 and 16 subscribers."""
    counts = {peer: bench.count(slow_count if peer in ("redis", "nats") else count, 100)
              for peer in ("mq", "redis", "nats", "sendfile", "map")}
    windows = {"mq": window, "redis": min(window, 1024), "nats": min(window, 64 if size > 1024 else 4000)}
    with contextlib.ExitStack() as stack:
        servers = {peer: stack.enter_context(server(bench, peer)) for peer in windows}
        ports = {peer: running.port for peer, running in servers.items()}
        for peer, port in ports.items():
            mq_bench(bench, "publish", peer, port, size, count=counts[peer], window=windows[peer])
        log = bench.directory / "copy"
        segments = sorted((servers["mq"].directory / "log").glob("*.log"))
        log.write_bytes(b"".join(segment.read_bytes() for segment in segments))
        for kind in ("sendfile", "map"):
            bare = bench.start(bench.release / "mq-bench", f"serve-{kind}", "--file", log)
            ports[kind] = stack.enter_context(bare).port

        def consumers(peer, call, config, subscribers):
            for i in range(subscribers if peer == "nats" else 0):
                body = {"stream_name": "bench", "config": {"durable_name": f"c{i}", **config}} if config else None
                jetstream(ports[peer], f"CONSUMER.{call}.bench.c{i}", body)

        def measure(peer, subscribers):
            consumers(peer, "DURABLE.CREATE", {"ack_policy": "none", "deliver_policy": "all"}, subscribers)
            result = mq_bench(bench, "replay", peer, ports[peer], size, count=counts[peer], subscribers=subscribers,
                              log_bytes=log.stat().st_size)
            consumers(peer, "DELETE", None, subscribers)
            return result["bytes"] / result["seconds"] / 1e9

        for subscribers in (1, 4, 16):
            # Each takes a fraction of a second, in which a machine can be slow by chance: so more rounds.
            figures = bench.interleave({peer: lambda peer=peer: measure(peer, subscribers) for peer in ports},
                                       2 * bench.rounds + 1)
            bench.compare(f"replay {name} to {subscribers}", "GB/s", figures,
                          [(("sendfile", "map"), 0.8), ("redis", 2.5), ("nats", 6)], "mq")


def latency(bench):
    def measure(peer):
        with server(bench, peer) as running:
            return mq_bench(bench, "latency", peer, running.port, 200, rate=10000, count=bench.count(50000, 1000))

    results = bench.interleave({peer: lambda peer=peer: measure(peer) for peer in ("mq", "nats")})
    for quantile in ("p50", "p99"):
        mq, peer = (median(results[peer], f"{quantile}_us") for peer in ("mq", "nats"))
        bench.row(f"publish to delivery, 10,000 msg/s, {quantile}", f"{mq:.0f} µs", f"nats {peer:.0f}", "≤ 1",
                  mq / peer, mq / peer)


def always(bench):
    def queue():
        warm(bench)
        with bench.mq_server("always") as running:
            return mq_bench(bench, "publish", "mq", running.port, 200, count=bench.count(50000, 1000), connections=16,
                            window=1)

    def single():
        return bench.load(bench.release / "mq-bench", "sync", "--file", bench.directory / "sync", "--record", 330,
                          "--seconds", 2)

    results = bench.interleave({"mq": queue, "one fdatasync each": single})
    figures = {name: [run["messages"] / run["seconds"] / 1e3 for run in runs] for name, runs in results.items()}
    bench.compare("always, 16 publishers, each waiting", "k msg/s", figures, [("one fdatasync each", 5)], "mq")


def memory(bench):
    size, count = 65536, bench.count(80000, 100)
    with bench.mq_server() as running:
        mq_bench(bench, "publish", "mq", running.port, size, count=count, window=64)
        before = running.resident()
        log = sum(path.stat().st_size for path in (running.directory / "log").glob("*.log"))
        mq_bench(bench, "replay", "mq", running.port, size, count=count, subscribers=8, stopped=8, log_bytes=log)
        peak = running.resident("VmHWM")
    bench.row(f"resident, {log / 1e9:.1f} GB log, 16 subscribers, 8 of them stopped", f"{peak:.0f} MiB at its peak",
              f"{before:.0f} before", "≤ 64 MiB", peak)


WORKS = {work.__name__: work for work in (publish, replay, latency, always, memory)}


def run(bench):
    for name, work in WORKS.items():
        if bench.wants(name):
            work(bench)
    return f"Peers: {first_line('redis-server', '--version')}; {first_line(NATS, '--version')}."
