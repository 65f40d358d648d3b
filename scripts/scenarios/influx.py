"""The collector's writing compared with curl, into the same InfluxDB 1.x.

A log is filled from the export. A first collector writes to a server that only keeps the bodies: curl posts these, four
at a time over kept connections. Then both take turns, each into a database of its own, whose points are counted.
The collector's time includes its start, reading from the queue, and decoding.
"""
import http.server
import itertools
import json
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from .common import Failure, free_port, get, version, wait_until

ROUNDS = 3
NEEDS = ["influxd", "curl"]
WRITES_AT_ONCE = 4


class Keeper(http.server.BaseHTTPRequestHandler):
    """A server that looks like InfluxDB 1.x and keeps the bodies of writes as files in its `directory`."""
    protocol_version = "HTTP/1.1"
    log_message = lambda *_: None

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        series = {"columns": ["name"], "values": [["gpu_telemetry"]]}
        response = json.dumps({"results": [{"statement_id": 0, "series": [series]}]}) if "/query" in self.path else ""
        if "/write" in self.path:
            self.server.directory.joinpath(f"{time.monotonic_ns():020}").write_bytes(body)
        self.send_response(200 if response else 204)
        self.send_header("X-Influxdb-Version", "1.6.7")
        self.send_header("Content-Length", str(len(response)))
        self.end_headers()
        self.wfile.write(response.encode())


def influxdb(bench):
    directory, port = bench.fresh("influx"), free_port()
    (directory / "influxdb.conf").write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n[meta]\ndir = "{directory}/meta"\n'
        f'[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n')
    return bench.start("influxd", "-config", directory / "influxdb.conf", port=port, directory=directory)


def ask(port, query, **parameters):
    address = f"http://127.0.0.1:{port}/query?" + urllib.parse.urlencode({"q": query, **parameters})
    with urllib.request.urlopen(urllib.request.Request(address, method="POST")) as response:
        return json.load(response)["results"][0].get("series", [])


def collect(bench, queue, port, database, samples):
    """Runs a collector until it has stored everything, and returns the seconds since its start."""
    http_port = free_port()
    start = time.monotonic()
    # 100 ms: the last samples, which fill no group, would else wait a second for others.
    with bench.start(bench.release / "collector", port=0, COLLECTOR_ID=f"bench-{database}", OFFSET="earliest",
                     INFLUXDB_URL=f"http://127.0.0.1:{port}", INFLUXDB_BUCKET=database, HTTP_HOST="127.0.0.1",
                     HTTP_PORT=http_port, MQ_HOST="127.0.0.1", MQ_PORT=queue, WRITES_AT_ONCE=WRITES_AT_ONCE,
                     FLUSH_INTERVAL="100ms") as collector:
        def stored():
            found = re.search(rb"^collector_samples_stored_total (\d+)", get(http_port, "/metrics"), re.M)
            return found and int(found[1]) >= samples

        wait_until(stored, f"the collector has stored {samples} samples", collector.process, 300)
        return time.monotonic() - start


def post(bench, port, database, bodies):
    """Posts the bodies with curl, and returns the seconds."""
    url = f"http://127.0.0.1:{port}/write?db={database}&precision=ns"
    config = bench.directory / "curl.conf"
    config.write_text("\nnext\n".join(
        f'url = "{url}"\ndata-binary = "@{body}"\noutput = "/dev/null"\nheader = "Content-Type: text/plain"\n'
        'header = "Expect:"\nfail\nsilent\nshow-error' for body in bodies))
    start = time.monotonic()
    result = subprocess.run(["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(WRITES_AT_ONCE),
                             "--config", str(config)], capture_output=True, text=True)
    if result.returncode:
        raise Failure(f"curl ended with status {result.returncode}: {result.stderr[-500:]}")
    return time.monotonic() - start


def run(bench):
    bodies = bench.fresh("bodies")
    with bench.mq_server() as queue, influxdb(bench) as influx:
        samples = bench.feed(bench.export(bench.count(450_000_000)), queue.port)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeper) as server:
            server.directory = bodies
            threading.Thread(target=server.serve_forever, daemon=True).start()
            collect(bench, queue.port, server.server_port, "gpu_telemetry", samples)
            server.shutdown()
        files = sorted(bodies.iterdir())
        size = sum(file.stat().st_size for file in files)
        print(f"bench: {samples} samples in {len(files)} bodies, {size / len(files) / 2**20:.1f} MiB each")
        turns = itertools.count()

        def measure(name):
            database = f"{name}_{next(turns)}"
            ask(influx.port, f"CREATE DATABASE {database}")
            seconds = (collect(bench, queue.port, influx.port, database, samples) if name == "collector"
                       else post(bench, influx.port, database, files))
            answer = ask(influx.port, 'SELECT count("value") FROM /.*/', db=database)
            counted = sum(series["values"][0][1] for series in answer)
            if counted != samples:
                raise Failure(f"{name} stored {counted} points of {samples}")
            ask(influx.port, f"DROP DATABASE {database}")
            return samples / seconds / 1000

        figures = bench.interleave({"collector": lambda: measure("collector"), "curl": lambda: measure("curl")})
    bench.compare("write the same points", "k samples/s", figures, [("curl", 0.9)], "collector", 0)
    return (f"{samples:,} samples, {size / samples:.0f} bytes per line, {WRITES_AT_ONCE} writes at a time."
            f" {version('influxd', 'version')}; {version('curl', '--version').split(' (')[0]}.")
