"""The collector's writing compared with curl, into the same InfluxDB 1.x.

A log is filled from the export. A first collector writes to a server that only keeps the bodies: curl posts these, four
at a time over kept connections. Then both take turns, each into a database of its own, whose points are counted.
The collector's time includes its start, reading from the queue, and decoding.
"""
import itertools
import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request

from .common import Failure, first_line, free_port, get, serve, wait_until

ROUNDS = 3
WRITES_AT_ONCE = 4


def influxdb(bench):
    directory, port = bench.fresh("influx"), free_port()
    return bench.start("influxd", "-config", os.devnull, port=port, directory=directory, **{
        "INFLUXDB_REPORTING_DISABLED": "true", "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "INFLUXDB_META_DIR": directory / "meta", "INFLUXDB_DATA_DIR": directory / "data",
        "INFLUXDB_DATA_WAL_DIR": directory / "wal", "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_HTTP_LOG_ENABLED": "false"})


def keeper(directory):
    """Responds as InfluxDB 1.x does, and keeps the bodies of writes as files."""
    series = {"columns": ["name"], "values": [["gpu_telemetry"]]}

    def respond(path, body):
        if "/write" in path:
            (directory / f"{time.monotonic_ns():020}").write_bytes(body)
        response = {"results": [{"statement_id": 0, "series": [series]}]}
        return json.dumps(response).encode() if "/query" in path else b""

    return serve(respond, [("X-Influxdb-Version", "1.6.7")])


def ask(port, query, **parameters):
    address = f"http://127.0.0.1:{port}/query?" + urllib.parse.urlencode({"q": query, **parameters})
    with urllib.request.urlopen(urllib.request.Request(address, method="POST")) as response:
        return json.load(response)["results"][0].get("series", [])


def collect(bench, queue, port, database, samples):
    """Runs a collector until it has stored everything, and returns the seconds since its start."""
    http_port, start = free_port(), time.monotonic()
    # 100 ms: the last samples, which fill no group, would else wait a second for others.
    with bench.start(bench.release / "collector", port=0, COLLECTOR_ID=f"bench-{database}", OFFSET="earliest",
                     INFLUXDB_URL=f"http://127.0.0.1:{port}", INFLUXDB_BUCKET=database, HTTP_HOST="127.0.0.1",
                     HTTP_PORT=http_port, MQ_HOST="127.0.0.1", MQ_PORT=queue.port, WRITES_AT_ONCE=WRITES_AT_ONCE,
                     FLUSH_INTERVAL="100ms") as collector:
        def stored():
            found = re.search(rb"^collector_samples_stored_total (\d+)", get(http_port, "/metrics"), re.M)
            return found and int(found[1]) >= samples

        wait_until(stored, f"the collector has stored {samples} samples", collector, 300)
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
        samples = bench.feed(bench.count(450_000_000), queue)
        with keeper(bodies) as port:
            collect(bench, queue, port, "gpu_telemetry", samples)
        files = sorted(bodies.iterdir())
        size = sum(file.stat().st_size for file in files)
        print(f"bench: {samples} samples in {len(files)} bodies, {size / len(files) / 2**20:.1f} MiB each")
        turns = itertools.count()

        def measure(name):
            database = f"{name}_{next(turns)}"
            ask(influx.port, f"CREATE DATABASE {database}")
            seconds = (collect(bench, queue, influx.port, database, samples) if name == "collector"
                       else post(bench, influx.port, database, files))
            points = ask(influx.port, 'SELECT count("value") FROM /.*/', db=database)
            counted = sum(series["values"][0][1] for series in points)
            if counted != samples:
                raise Failure(f"{name} stored {counted} points of {samples}")
            ask(influx.port, f"DROP DATABASE {database}")
            return samples / seconds / 1000

        figures = bench.interleave({"collector": lambda: measure("collector"), "curl": lambda: measure("curl")})
    bench.compare("write the same points", "k samples/s", figures, [("curl", 0.9)], "collector", 0)
    return (f"{samples:,} samples, {size / samples:.0f} bytes per line, {WRITES_AT_ONCE} writes at a time."
            f" {first_line('influxd', 'version')}; {first_line('curl', '--version').split(' (')[0]}.")
