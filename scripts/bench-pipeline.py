#!/usr/bin/env python3
"""Measures the whole pipeline: file -> streamer -> mq-server (durable, MQ_SYNC=interval:100ms) -> api (memory store), all on this machine.

The real export is read again and again for some 30 seconds, as fast as it goes, each sample with a time of its own. Then the streamer
is asked to end, and it is waited for the api to have everything: counts and digests of both ends must agree. Memory is looked at every
second. The last table is kept in Docs/Benchmarks.md.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from benchmarks import EXPORT, RELEASE, document, free_port, load, repeat, today, verdict, wait_for


class Program:
    """A program of ours with its log in a file."""

    def __init__(self, name, directory, **settings):
        self.log = directory / f"{name}.log"
        self.process = subprocess.Popen([str(RELEASE / name)], env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=self.log.open("w"),
                                        stderr=subprocess.STDOUT)
        self.resident = []
        self.usage = None

    def look(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            self.resident.append(next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS")))

    def stop(self):
        """Asks it to end, and keeps what it has used."""
        self.process.send_signal(signal.SIGTERM)
        _, status, self.usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode:
            sys.exit(f"bench-pipeline: {self.process.args[0]} ended with status {self.process.returncode}:\n{self.log.read_text()[-2000:]}")


def statistics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/stats") as answer:
        return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--dir", help="where the log is kept (the system's temporary directory)")
    arguments = parser.parse_args()
    print(f"bench-pipeline: reads {EXPORT} for {arguments.seconds} s")
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-", dir=arguments.dir) as directory:
        directory = pathlib.Path(directory)
        file = directory / "export.csv"
        repeat(EXPORT, file, 100_000_000)
        tcp, http, rest = str(free_port()), str(free_port()), str(free_port())
        queue = Program("mq-server", directory, TCP_HOST="127.0.0.1", TCP_PORT=tcp, HTTP_HOST="127.0.0.1", HTTP_PORT=http,
                        MQ_DATA_DIR=str(directory / "log"), MQ_SYNC="interval:100ms")
        wait_for(int(tcp), queue.process)
        api = Program("api", directory, API_HOST="127.0.0.1", API_PORT=rest, MQ_HOST="127.0.0.1", MQ_PORT=tcp, MEMORY_LIMIT="16GiB")
        wait_for(int(rest), api.process)
        start = time.monotonic()
        streamer = Program("streamer", directory, SOURCE=str(file), LOOP="true", RATE="0", TIMESTAMPS="now", MQ_HOST="127.0.0.1", MQ_PORT=tcp,
                           DRAIN_TIMEOUT="60s", HTTP_PORT="")
        held = [(0.0, 0)]
        while time.monotonic() - start < arguments.seconds:
            time.sleep(max(0, start + len(held) - time.monotonic()))
            for program in (streamer, queue, api):
                program.look()
            held.append((time.monotonic() - start, statistics(rest)["store"]["sample_count"]))
        streamer.stop()
        finished = dict(re.findall(r"(\w+)=(\S+)", next(line for line in streamer.log.read_text().splitlines() if " finished " in line)))
        published, digest = int(finished["published"]), finished["digest"]
        while (now := statistics(rest))["store"]["sample_count"] < published:
            if time.monotonic() - start > arguments.seconds + 60:
                sys.exit(f"bench-pipeline: the api holds {now['store']['sample_count']} of {published} samples after a minute")
            time.sleep(0.02)
        seconds = time.monotonic() - start
        log = sum(path.stat().st_size for path in (directory / "log").glob("*.log"))
        api.stop()
        queue.stop()
        stages = load("ingest-bench", "stages", "--file", file)

    rows = []

    def row(*cells):
        rows.append(list(cells))
        print("  ".join(cells), flush=True)

    rate = published / seconds
    slowest = min((b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(held[1:], held[6:]))
    row("rows, until the api has all of them", f"{rate / 1e6:.2f} M rows/s over {seconds:.0f} s", "≥ 1 M", verdict(rate, 1e6))
    row("the slowest five seconds", f"{slowest / 1e6:.2f} M rows/s", "", "")
    agree = now["store"]["sample_count"] == published and now["queue"]["digest"] == digest
    row("published and held", f"{published:,} and {now['store']['sample_count']:,}, digests {digest} and {now['queue']['digest']}", "equal",
        "met" if agree else "missed")
    for program, name in ((streamer, "streamer"), (queue, "mq-server")):
        early, late = program.resident[4], max(program.resident[5:])
        row(f"resident, {name}", f"{early:.0f} MiB after 5 s, {late:.0f} MiB at most after that", "flat", verdict(1.1 * early + 2, late))
    row("resident, api", f"{api.resident[-1]:.0f} MiB at the end, {api.resident[-1] * 2**20 / published:.0f} bytes a sample", "", "")
    row("log", f"{log / published:.1f} bytes a sample", "", "")

    names = {"streamer": streamer, "mq-server": queue, "api": api}
    total = {name: (program.usage.ru_utime + program.usage.ru_stime) / published * 1e6 for name, program in names.items()}
    lines = ["", "Where each microsecond goes: processor time a sample, in microseconds.", "", "| | all | in the kernel | known stages, measured alone |",
             "|---|---|---|---|"]
    of = {"streamer": ("read", "collect", "digest", "encode"), "api": ("decode", "digest", "insert"), "mq-server": ()}
    for name, program in names.items():
        known = ", ".join(f"{stage} {stages[stage] / 1000:.3f}" for stage in of[name])
        lines.append(f"| {name} | {total[name]:.3f} | {program.usage.ru_stime / published * 1e6:.3f} | {known} |")
    idle = seconds * os.cpu_count() / published * 1e6 - sum(total.values())
    lines += [f"| not used | {idle:.3f} | | of {os.cpu_count()} cores |", "",
              "The rest of the streamer and of the api is the queue's client: frames, checksums, sockets, and handing batches from task to task."]
    print("\n".join(lines))
    if not agree:
        sys.exit("bench-pipeline: what is held is not what was published")
    document(f"{today()}. {arguments.seconds} s.", ["", "figure", "bar", ""], rows, lines)


main()
