#!/usr/bin/env python3
"""Measures the collector's writing beside curl, into the same InfluxDB 1.x in the same minutes.

A log is filled from the real export. A first collector writes to a server that only keeps the bodies: they are what curl posts, four at a time
over connections that are kept. Then collector and curl take turns, each into a database of its own, and what is in it is counted.
The collector's time includes its start, reading from the queue, and decoding. The table is kept in Docs/Benchmarks.md.
"""
import argparse
import contextlib
import http.server
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from benchmarks import EXPORT, RELEASE, document, free_port, repeat, running, today, verdict, version

WRITES_AT_ONCE = 4
BAR = 0.9


class Keeper(http.server.BaseHTTPRequestHandler):
    """An InfluxDB 1.x that keeps the bodies of its writes as files."""
    protocol_version = "HTTP/1.1"
    directory = None
    count = 0
    lock = threading.Lock()

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(204, X_Influxdb_Version="1.6.7")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/query"):
            return self.answer(200, b'{"results":[{"statement_id":0,"series":[{"columns":["name"],"values":[["gpu_telemetry"]]}]}]}')
        with self.lock:
            Keeper.count += 1
            path = self.directory / f"{Keeper.count:06}"
        path.write_bytes(body)
        self.answer(204)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def influxdb(directory):
    port, rpc = free_port(), free_port()
    (directory / "influxdb.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\n  dir = "{directory}/meta"\n'
        f'[data]\n  dir = "{directory}/data"\n  wal-dir = "{directory}/wal"\n[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n')
    with running(["influxd", "-config", directory / "influxdb.conf"], port):
        yield port


def ask(port, query, **parameters):
    address = f"http://127.0.0.1:{port}/query?" + urllib.parse.urlencode({"q": query, **parameters})
    with urllib.request.urlopen(urllib.request.Request(address, method="POST")) as answer:
        return json.load(answer)["results"][0].get("series", [])


def collect(queue, port, database, samples, directory):
    """Runs a collector until it has stored all, and returns the seconds from its start."""
    http_port = free_port()
    settings = dict(COLLECTOR_ID=f"bench-{database}", OFFSET="earliest", INFLUXDB_URL=f"http://127.0.0.1:{port}", INFLUXDB_BUCKET=database,
                    HTTP_HOST="127.0.0.1", HTTP_PORT=str(http_port), MQ_HOST="127.0.0.1", MQ_PORT=str(queue), WRITES_AT_ONCE=str(WRITES_AT_ONCE),
                    # Else the last samples, which fill no group, wait a second for others.
                    FLUSH_INTERVAL="100ms")
    log = (directory / "collector.log").open("w")
    start = time.monotonic()
    process = subprocess.Popen([str(RELEASE / "collector")], env=settings, stdout=log, stderr=log)
    try:
        while True:
            time.sleep(0.02)
            if process.poll() is not None or time.monotonic() - start > 300:
                sys.exit(f"bench-influx: the collector does not store everything:\n{(directory / 'collector.log').read_text()[-2000:]}")
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/metrics") as answer:
                    stored = re.search(rb"^collector_samples_stored_total (\d+)", answer.read(), re.M)
                if stored and int(stored[1]) >= samples:
                    return time.monotonic() - start
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def post(port, database, bodies, directory):
    """Posts the bodies with curl, and returns the seconds it takes."""
    lines = []
    for body in bodies:
        lines += ["next"] if lines else []
        lines += [f'url = "http://127.0.0.1:{port}/write?db={database}&precision=ns"', f'data-binary = "@{body}"', 'output = "/dev/null"',
                  'header = "Content-Type: text/plain; charset=utf-8"', 'header = "Expect:"', "fail", "silent", "show-error"]
    config = directory / "curl.conf"
    config.write_text("\n".join(lines))
    start = time.monotonic()
    result = subprocess.run(["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(WRITES_AT_ONCE), "--config", str(config)],
                            capture_output=True, text=True)
    seconds = time.monotonic() - start
    if result.returncode:
        sys.exit(f"bench-influx: curl ended with status {result.returncode}: {result.stderr[-500:]}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=450_000_000, help="of CSV that the log is filled from")
    arguments = parser.parse_args()
    for program in ("influxd", "curl"):
        if not shutil.which(program):
            sys.exit(f"bench-influx: there is no {program}: scripts/setup.sh bench-influx installs it")
    with tempfile.TemporaryDirectory(prefix="bench-influx-") as directory:
        directory = pathlib.Path(directory)
        (directory / "bodies").mkdir()
        file = directory / "export.csv"
        repeat(EXPORT, file, arguments.bytes)
        queue = free_port()
        mq = running([RELEASE / "mq-server"], queue, TCP_HOST="127.0.0.1", TCP_PORT=str(queue), HTTP_HOST="127.0.0.1", HTTP_PORT="0")
        with mq, influxdb(directory) as port:
            streamer = subprocess.run(
                [str(RELEASE / "streamer")], text=True, stderr=subprocess.PIPE,
                env=dict(SOURCE=str(file), LOOP="false", TIMESTAMPS="now", MQ_HOST="127.0.0.1", MQ_PORT=str(queue), LOG_FORMAT="json"))
            finished = [json.loads(line) for line in streamer.stderr.splitlines() if '"finished"' in line]
            if streamer.returncode or not finished:
                sys.exit(f"bench-influx: the streamer ended with status {streamer.returncode}:\n{streamer.stderr[-2000:]}")
            samples = finished[0]["published"]

            Keeper.directory = directory / "bodies"
            keeper = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
            threading.Thread(target=keeper.serve_forever, daemon=True).start()
            collect(queue, keeper.server_port, "gpu_telemetry", samples, directory)
            keeper.shutdown()
            bodies = sorted(Keeper.directory.iterdir())
            size = sum(body.stat().st_size for body in bodies)
            print(f"bench-influx: {samples} samples in {len(bodies)} bodies, {size / len(bodies) / 2**20:.1f} MiB each")

            seconds = {"collector": [], "curl": []}
            for turn in range(arguments.rounds):
                for name in ("collector", "curl") if turn % 2 == 0 else ("curl", "collector"):
                    database = f"{name}_{turn}"
                    ask(port, f"CREATE DATABASE {database}")
                    taken = collect(queue, port, database, samples, directory) if name == "collector" else post(port, database, bodies, directory)
                    seconds[name].append(taken)
                    counted = sum(series["values"][0][1] for series in ask(port, 'SELECT count("value") FROM /.*/', db=database))
                    if counted != samples:
                        sys.exit(f"bench-influx: {name} stored {counted} points of {samples}")
                    ask(port, f"DROP DATABASE {database}")
                    print(f"bench-influx: {name} {samples / taken / 1000:.0f} k samples/s")

    rate = {name: samples / statistics.median(taken) / 1000 for name, taken in seconds.items()}
    ratio = rate["collector"] / rate["curl"]
    spread = {name: f"{samples / max(taken) / 1000:.0f} to {samples / min(taken) / 1000:.0f}" for name, taken in seconds.items()}
    row = ["write the same points", f"{rate['collector']:.0f} k samples/s", f"curl {rate['curl']:.0f}", f"{ratio:.2f}", f"≥ {BAR}", verdict(ratio, BAR)]
    notes = [f"Collector from {spread['collector']}, curl from {spread['curl']} k samples/s. {samples:,} samples, {size / samples:.0f} bytes a line, "
             f"{WRITES_AT_ONCE} writes at a time. {version(['influxd', 'version'])}; {version(['curl', '--version']).split(' (')[0]}."]
    document(f"{today()}. Medians of {arguments.rounds} interleaved rounds.", ["work", "collector", "peer", "ratio", "bar", ""], [row], notes)


main()
