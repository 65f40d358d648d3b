#!/usr/bin/env python3
"""Measures the message queue side by side with Redis Streams, NATS JetStream and bare loops, and prints the ratios.

Every server is started on loopback with a fresh temporary directory and stopped by its process id. Rounds are interleaved, so
that a slow minute of the machine meets every peer; medians are compared. The last table is kept in Docs/Benchmarks.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

import benchmarks
from benchmarks import RELEASE, ROOT, free_port, running, version


def load(*words):
    return benchmarks.load("mq-bench", *words)


def nats_server():
    for place in (ROOT / ".run/python/bin/nats-server", shutil.which("nats-server"), "/usr/sbin/nats-server"):
        if place and os.path.exists(place):
            return str(place)
    sys.exit("bench-mq: no nats-server; run `make bench-mq`, which installs it")


class Bench:
    def __init__(self, directory, rounds):
        self.directory = pathlib.Path(directory)
        self.rounds = rounds
        self.rows = []
        self.notes = []

    # Servers

    def fresh(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.directory))

    def mq(self, sync="interval:1s"):
        directory, port = self.fresh("mq"), free_port()
        return running([RELEASE / "mq-server"], port, directory, TCP_HOST="127.0.0.1", HTTP_HOST="127.0.0.1", TCP_PORT=str(port),
                       HTTP_PORT="0", MQ_DATA_DIR=str(directory), MQ_SYNC=sync, LOG_LEVEL="error")

    def redis(self):
        directory, port = self.fresh("redis"), free_port()
        return running(["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", directory, "--appendonly", "yes",
                        "--appendfsync", "everysec", "--save", ""], port, directory)

    @contextlib.contextmanager
    def nats(self):
        directory, port = self.fresh("nats"), free_port()
        settings = directory / "nats.conf"
        settings.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{directory}/store" }}\n')
        with running([nats_server(), "-c", settings], port, directory) as server:
            self.nats_api(port, "STREAM.CREATE.bench", {"name": "bench", "subjects": ["bench"], "storage": "file"})
            yield server

    def nats_api(self, port, call, body=None):
        body = json.dumps(body) if body else ""
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(f'CONNECT {{"verbose":false}}\r\nSUB answer 1\r\nPUB $JS.API.{call} answer {len(body)}\r\n{body}\r\n'.encode())
            answer = b""
            while b"MSG answer" not in answer or not answer.endswith(b"}\r\n"):
                answer += peer.recv(65536)
        if b'"error"' in answer:
            sys.exit(f"bench-mq: JetStream refused {call}: {answer.decode()}")

    def bare(self, kind, *words):
        return running([RELEASE / "mq-bench", kind, *words])

    def server(self, peer, frame=0):
        match peer:
            case "mq": return self.mq()
            case "redis": return self.redis()
            case "nats": return self.nats()
            case "bare": return self.bare("serve-append", "--file", self.directory / "bare", "--frame", frame)
            case "discard": return self.bare("serve-discard", "--frame", frame)

    def warm(self):
        """Page cache that a guest machine touches for the first time is several times slower: touched here, for every peer."""
        path = self.directory / "warm"
        with open(path, "wb") as file:
            block = bytes(1 << 20)
            for _ in range(1500):
                file.write(block)
        path.unlink()

    # Table

    def add(self, work, measure, unit, bars, rounds=None):
        """`measure(peer)` gives a figure; `bars`: [(peer or tuple of peers, factor or None)]."""
        peers = ["mq"]
        for others, _ in bars:
            peers += [other for other in (others if isinstance(others, tuple) else (others,)) if other not in peers]
        figures = {peer: [] for peer in peers}
        for _ in range(rounds or self.rounds):
            for peer in peers:
                figures[peer].append(measure(peer))
        median = {peer: statistics.median(values) for peer, values in figures.items()}
        for others, factor in bars:
            others = others if isinstance(others, tuple) else (others,)
            best = max(others, key=lambda other: median[other])
            ratio = median["mq"] / median[best]
            verdict = "" if factor is None else "met" if ratio >= factor else "missed"
            self.row(work, f"{median['mq']:.2f} {unit}", f"{best} {median[best]:.2f}", f"{ratio:.2f}", f"≥ {factor}" if factor else "", verdict)
        spread = ", ".join(f"{peer} {min(v):.2f}…{max(v):.2f}" for peer, v in figures.items())
        self.notes.append(f"{work}: {spread} {unit}")

    def row(self, *cells):
        self.rows.append(cells)
        print(" | ".join(cells), flush=True)

    # Works

    def publish(self, work, size, count, connections, window, bars, per_frame=1, identified=False, unit="M msg/s"):
        frame = int(subprocess.check_output(
            [RELEASE / "mq-bench", "frame-bytes", "--size", str(size), "--per-frame", str(per_frame)]))

        def measure(peer):
            self.warm()
            slow = peer in ("redis", "nats")
            messages = count // 4 if slow else count
            # JetStream refuses what exceeds its queue of a few thousand.
            limit = min(window, max(1, 4000 // connections)) if peer == "nats" else window
            protocol = "bare" if peer == "discard" else peer
            with self.server(peer, frame) as (_, port):
                result = load("publish", "--peer", protocol, "--port", port, "--size", size, "--count", messages, "--connections",
                              connections, "--window", limit, "--per-frame", per_frame, "--identified", int(identified and peer == "mq"))
            return result["bytes" if unit == "GB/s" else "messages"] / result["seconds"] / (1e9 if unit == "GB/s" else 1e6)

        self.add(work, measure, unit, bars)

    def fill(self, peer, port, size, count, window):
        load("publish", "--peer", peer, "--port", port, "--size", size, "--count", count, "--window", window)

    def replay(self, size, count, slow_count, window):
        """Every server is filled once; then the rounds of 1, 4 and 16 subscribers."""
        name = "200 B" if size < 1024 else f"{size >> 10} KiB"
        with contextlib.ExitStack() as stack:
            _, mq = stack.enter_context(self.mq())
            _, redis = stack.enter_context(self.redis())
            _, nats = stack.enter_context(self.nats())
            self.fill("mq", mq, size, count, window)
            self.fill("redis", redis, size, slow_count, min(window, 1024))
            self.fill("nats", nats, size, slow_count, min(window, 64 if size > 1024 else 4000))
            log = self.directory / "copy"
            with open(log, "wb") as copy:
                for segment in sorted(self.directory.glob("mq-*/*.log")):
                    with open(segment, "rb") as file:
                        shutil.copyfileobj(file, copy)
            ports = {
                "mq": mq, "redis": redis, "nats": nats,
                "sendfile": stack.enter_context(self.bare("serve-sendfile", "--file", log))[1],
                "map": stack.enter_context(self.bare("serve-map", "--file", log))[1],
            }
            for subscribers in (1, 4, 16):
                def measure(peer):
                    stored = slow_count if peer in ("redis", "nats") else count
                    if peer == "nats":
                        for i in range(subscribers):
                            self.nats_api(nats, f"CONSUMER.DURABLE.CREATE.bench.c{i}", {
                                "stream_name": "bench",
                                "config": {"durable_name": f"c{i}", "ack_policy": "none", "deliver_policy": "all"}})
                    result = load("replay", "--peer", "bare" if peer in ("sendfile", "map") else peer, "--port", ports[peer], "--size", size,
                                  "--count", stored, "--subscribers", subscribers, "--log-bytes", log.stat().st_size)
                    if peer == "nats":
                        for i in range(subscribers):
                            self.nats_api(nats, f"CONSUMER.DELETE.bench.c{i}")
                    return result["bytes"] / result["seconds"] / 1e9

                self.add(f"replay {name} to {subscribers}", measure, "GB/s", [(("sendfile", "map"), 0.8), ("redis", 2.5), ("nats", 6)],
                         # Each takes a fraction of a second, in which a machine can be slow by chance.
                         rounds=2 * self.rounds + 1)
            log.unlink()

    def latency(self):
        figures = {"mq": [], "nats": []}
        for _ in range(self.rounds):
            for peer in figures:
                with self.server(peer) as (_, port):
                    figures[peer].append(load("latency", "--peer", peer, "--port", port, "--size", 200, "--rate", 10000, "--count", 50000))
        for quantile in ("p50", "p99"):
            mine, theirs = (statistics.median(run[quantile + "_us"] for run in figures[peer]) for peer in ("mq", "nats"))
            self.row(f"publish to delivery, 10,000 msg/s, {quantile}", f"{mine:.0f} µs", f"nats {theirs:.0f}", f"{mine / theirs:.2f}",
                     "≤ 1", "met" if mine <= theirs else "missed")

    def durable(self):
        record = 330

        def measure(peer):
            self.warm()
            if peer == "one fdatasync each":
                result = load("sync", "--file", self.directory / "sync", "--record", record, "--seconds", 2)
            else:
                with self.mq("always") as (_, port):
                    result = load("publish", "--peer", "mq", "--port", port, "--size", 200, "--count", 50000, "--connections", 16, "--window", 1)
            return result["messages"] / result["seconds"] / 1e3

        self.add("always, 16 publishers, each waiting", measure, "k msg/s", [("one fdatasync each", 5)])

    def memory(self):
        size, count = 65536, 80000
        with self.mq() as (process, port):
            self.fill("mq", port, size, count, 64)

            def resident(field):
                with open(f"/proc/{process.pid}/status") as status:
                    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))

            before = resident("VmRSS")
            log = sum(path.stat().st_size for path in self.directory.glob("mq-*/*.log"))
            load("replay", "--peer", "mq", "--port", port, "--size", size, "--count", count, "--subscribers", 8, "--stopped", 8,
                 "--log-bytes", log)
            peak = resident("VmHWM")
        self.row(f"resident, {log / 1e9:.1f} GB log, 16 subscribers, 8 of them stopped", f"{peak:.0f} MiB at its peak", f"{before:.0f} before",
                 "", "≤ 64 MiB", "met" if peak <= 64 else "missed")

    def all(self, only):
        peers = [("redis", 3), ("nats", 6), ("bare", 0.35), ("discard", None)]
        works = {
            "publish": lambda: (
                self.publish("publish 200 B, 1 connection", 200, 1_500_000, 1, 16384, peers),
                self.publish("the same with producer and sequence", 200, 1_500_000, 1, 16384, [("bare", None)], identified=True),
                self.publish("publish 200 B, 16 connections", 200, 1_500_000, 16, 1024, [("bare", 0.35)]),
                self.publish("publish 200 B, 256 connections", 200, 1_500_000, 256, 64, [("bare", 0.35)]),
                self.publish("publish 200 B, 100 a frame", 200, 2_000_000, 1, 256, [("redis", 8)], per_frame=100),
                self.publish("publish 64 KiB", 65536, 8000, 1, 64, [("nats", 2), ("redis", 3), ("bare", None)], unit="GB/s")),
            "replay": lambda: (self.replay(200, 1_000_000, 400_000, 16384), self.replay(65536, 6000, 3000, 64)),
            "latency": self.latency,
            "always": self.durable,
            "memory": self.memory,
        }
        for name in only or works:
            works[name]()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", choices=["publish", "replay", "latency", "always", "memory", []],
                        help="only these; the document is written after a run of all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", help="where the servers keep their files (the system's temporary directory)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-mq-", dir=arguments.dir) as directory:
        bench = Bench(directory, arguments.rounds)
        bench.all(arguments.works)
    if not arguments.works:
        benchmarks.document(
            f"{benchmarks.today()}. Medians of {bench.rounds} interleaved rounds. Peers: {version(['redis-server', '--version'])};"
            f" {version([nats_server(), '--version'])}.",
            ["work", "mq-server", "peer", "ratio", "bar", ""], bench.rows,
            ["From the slowest to the fastest round:", ""] + [f"- {note}" for note in bench.notes])


main()
