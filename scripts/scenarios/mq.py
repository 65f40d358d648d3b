"""The message queue compared with Redis Streams, NATS JetStream and bare loops."""
import contextlib
import json
import pathlib
import socket
import statistics

from .common import ROOT, Failure, free_port, version

ROUNDS = 5
WORKS = ["publish", "replay", "latency", "always", "memory"]
NATS = next((str(path) for path in [ROOT / ".run/python/bin/nats-server"] if path.exists()), "nats-server")


def redis(bench):
    directory, port = bench.fresh("redis"), free_port()
    return bench.start("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes",
                       "--appendfsync", "everysec", "--save", "", port=port, directory=directory)


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
        answer = b""
        while b"MSG re" not in answer or not answer.endswith(b"}\r\n"):
            answer += peer.recv(65536)
    if b'"error"' in answer:
        raise Failure(f"JetStream refused {call}: {answer.decode()}")


def server(bench, peer, frame=0):
    match peer:
        case "mq": return bench.mq_server()
        case "redis": return redis(bench)
        case "nats": return nats(bench)
        case "bare": return bench.start(bench.release / "mq-bench", "serve-append", "--file", bench.directory / "bare",
                                        "--frame", frame)
        case "discard": return bench.start(bench.release / "mq-bench", "serve-discard", "--frame", frame)


def installed(bench, peers):
    """Without the servers that this machine does not have."""
    needs = {"redis": "redis-server", "nats": NATS}
    return [peer for peer in peers if peer not in needs or bench.has(needs[peer])]


def warm(bench):
    """Touches page cache: what a guest machine touches for the first time is several times slower."""
    path = bench.directory / "warm"
    path.write_bytes(bytes(bench.count(1500 << 20)))
    path.unlink()


def mq_bench(bench, work, peer, port, size, **options):
    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)]
    return bench.load("mq-bench", work, "--peer", peer, "--port", port, "--size", size, *words)


def publish(bench, work, size, count, connections, window, bars, per_frame=1, identified=False, unit="M msg/s"):
    frame = bench.load("mq-bench", "frame-bytes", "--size", size, "--per-frame", per_frame)

    def measure(peer):
        warm(bench)
        # A quarter for slow peers. JetStream refuses more than a few thousand that are not yet acknowledged.
        messages = bench.count(count // 4 if peer in ("redis", "nats") else count, 1000)
        limit = min(window, max(1, 4000 // connections)) if peer == "nats" else window
        with server(bench, peer, frame) as running:
            protocol = "bare" if peer == "discard" else peer
            result = mq_bench(bench, "publish", protocol, running.port, size, count=messages, connections=connections,
                              window=limit, per_frame=per_frame, identified=int(identified and peer == "mq"))
        return result["bytes" if unit == "GB/s" else "messages"] / result["seconds"] / (1e9 if unit == "GB/s" else 1e6)

    peers = installed(bench, ["mq", *(peer for peer, _ in bars)])
    figures = bench.interleave({peer: lambda peer=peer: measure(peer) for peer in peers})
    bench.compare(work, unit, figures, bars, "mq")


def publishing(bench):
    count, bare = 1_500_000, [("bare", 0.35)]
    publish(bench, "publish 200 B, 1 connection", 200, count, 1, 16384,
            [("redis", 3), ("nats", 6), *bare, ("discard", None)])
    publish(bench, "the same with producer and sequence", 200, count, 1, 16384, [("bare", None)], identified=True)
    publish(bench, "publish 200 B, 16 connections", 200, count, 16, 1024, bare)
    publish(bench, "publish 200 B, 256 connections", 200, count, 256, 64, bare)
    publish(bench, "publish 200 B, 100 per frame", 200, 2_000_000, 1, 256, [("redis", 8)], per_frame=100)
    publish(bench, "publish 64 KiB", 65536, 8000, 1, 64, [("nats", 2), ("redis", 3), ("bare", None)], unit="GB/s")


def replay(bench, size, count, slow_count, window):
    """Every server is filled once; then come the rounds of 1, 4 and 16 subscribers."""
    counts = {peer: bench.count(slow_count, 100) for peer in ("redis", "nats")}
    stored = bench.count(count, 100)
    windows = {"redis": min(window, 1024), "nats": min(window, 64 if size > 1024 else 4000)}
    with contextlib.ExitStack() as stack:
        servers = {peer: stack.enter_context(server(bench, peer)) for peer in installed(bench, ["mq", "redis", "nats"])}
        ports = {peer: running.port for peer, running in servers.items()}
        for peer, port in ports.items():
            mq_bench(bench, "publish", peer, port, size, count=counts.get(peer, stored),
                     window=windows.get(peer, window))
        log = bench.directory / "copy"
        with open(log, "wb") as copy:
            for segment in sorted((servers["mq"].directory / "log").glob("*.log")):
                copy.write(segment.read_bytes())
        for kind in ("sendfile", "map"):
            bare = bench.start(bench.release / "mq-bench", f"serve-{kind}", "--file", log)
            ports[kind] = stack.enter_context(bare).port

        def measure(peer, subscribers):
            if peer == "nats":
                for i in range(subscribers):
                    config = {"durable_name": f"c{i}", "ack_policy": "none", "deliver_policy": "all"}
                    jetstream(ports[peer], f"CONSUMER.DURABLE.CREATE.bench.c{i}",
                              {"stream_name": "bench", "config": config})
            result = mq_bench(bench, "replay", "bare" if peer in ("sendfile", "map") else peer, ports[peer], size,
                              count=counts.get(peer, stored), subscribers=subscribers, log_bytes=log.stat().st_size)
            if peer == "nats":
                for i in range(subscribers):
                    jetstream(ports[peer], f"CONSUMER.DELETE.bench.c{i}")
            return result["bytes"] / result["seconds"] / 1e9

        for subscribers in (1, 4, 16):
            # Each takes a fraction of a second, in which a machine can be slow by chance: so more rounds.
            figures = bench.interleave({peer: lambda peer=peer: measure(peer, subscribers) for peer in ports},
                                       2 * bench.rounds + 1)
            name = "200 B" if size < 1024 else f"{size >> 10} KiB"
            bench.compare(f"replay {name} to {subscribers}", "GB/s", figures,
                          [(("sendfile", "map"), 0.8), ("redis", 2.5), ("nats", 6)], "mq")


def latency(bench):
    def measure(peer):
        with server(bench, peer) as running:
            return mq_bench(bench, "latency", peer, running.port, 200, rate=10000, count=bench.count(50000, 1000))

    results = bench.interleave({peer: lambda peer=peer: measure(peer) for peer in installed(bench, ["mq", "nats"])})
    for quantile in ("p50", "p99"):
        median = {peer: statistics.median(run[quantile + "_us"] for run in runs) for peer, runs in results.items()}
        peer = median.get("nats")
        bench.row(f"publish to delivery, 10,000 msg/s, {quantile}", f"{median['mq']:.0f} µs",
                  *((f"nats {peer:.0f}", median["mq"] / peer, "≤ 1", median["mq"] <= peer) if peer else ()))


def always(bench):
    def queue():
        warm(bench)
        with bench.mq_server("always") as running:
            return mq_bench(bench, "publish", "mq", running.port, 200, count=bench.count(50000, 1000), connections=16,
                            window=1)

    def single():
        return bench.load("mq-bench", "sync", "--file", bench.directory / "sync", "--record", 330, "--seconds", 2)

    results = bench.interleave({"mq": queue, "one fdatasync each": single})
    figures = {name: [run["messages"] / run["seconds"] / 1e3 for run in runs] for name, runs in results.items()}
    bench.compare("always, 16 publishers, each waiting", "k msg/s", figures, [("one fdatasync each", 5)], "mq")


def memory(bench):
    size, count = 65536, bench.count(80000, 100)
    with bench.mq_server() as running:
        mq_bench(bench, "publish", "mq", running.port, size, count=count, window=64)
        before = running.resident()
        log = sum(path.stat().st_size for path in pathlib.Path(running.directory, "log").glob("*.log"))
        mq_bench(bench, "replay", "mq", running.port, size, count=count, subscribers=8, stopped=8, log_bytes=log)
        peak = running.resident("VmHWM")
    bench.row(f"resident, {log / 1e9:.1f} GB log, 16 subscribers, 8 of them stopped", f"{peak:.0f} MiB at its peak",
              f"{before:.0f} before", target="≤ 64 MiB", met=peak <= 64)


def run(bench):
    if bench.wants("publish"):
        publishing(bench)
    if bench.wants("replay"):
        replay(bench, 200, 1_000_000, 400_000, 16384)
        replay(bench, 65536, 6000, 3000, 64)
    for work in (latency, always, memory):
        if bench.wants(work.__name__):
            work(bench)
    return f"Peers: {version('redis-server', '--version')}; {version(NATS, '--version')}."
