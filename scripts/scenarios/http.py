"""The gateway's HTTP server compared with nginx, Python's http.server and Node's http, with wrk over 64 connections.

The small response is that of /health; the peers send the same number of bytes, Python and Node from memory, nginx from
a file, with one worker for each of the api's event loops. The list is one page of 100 samples of one GPU. At half load
every connection of wrk waits between its requests. Idle connections have each had one response.
"""
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import time

from .common import Failure, first_line, free_port, get, serve, wait_for_samples

ROUNDS = 3
CONNECTIONS = 64
WORKERS = min(4, os.cpu_count())
NODE_SERVER = """
const body = Buffer.alloc(Number(process.argv[2]), "x"), headers = {"Content-Length": body.length};
const server = require("http").createServer((_, response) => response.writeHead(200, headers).end(body));
server.listen(process.argv[1], "127.0.0.1");
"""


def nginx(bench, size):
    """An nginx that serves a file as fast as it can."""
    directory, port = bench.fresh("nginx"), free_port()
    (directory / "health").write_bytes(b"x" * size)
    # Workers of another user could not read the directory.
    (directory / "nginx.conf").write_text(f"""{"user root;" if os.geteuid() == 0 else ""}
daemon off; worker_processes {WORKERS}; pid "{directory}/pid"; error_log "{directory}/log";
events {{ worker_connections 1024; multi_accept on; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=16;
  server {{ listen 127.0.0.1:{port}; root "{directory}"; }}
}}
""")
    return bench.start("nginx", "-p", directory, "-e", directory / "log", "-c", directory / "nginx.conf", port=port,
                       directory=directory)


def wrk(port, path, seconds, script=None, connections=CONNECTIONS):
    """Responses per second, and the 99th percentile of the time to a response in milliseconds."""
    command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    result = subprocess.run([*command, *(["-s", str(script)] if script else []), f"http://127.0.0.1:{port}{path}"],
                            capture_output=True, text=True)
    if result.returncode or "Socket errors" in result.stdout or "Non-2xx" in result.stdout:
        raise Failure(f"wrk {path}: {result.stdout}{result.stderr}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", result.stdout).groups()
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", result.stdout)[1])
    return rate, float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def half_load(bench, port, path, rate, seconds):
    """As wrk(), with about half of that rate. wrk delays each request by whole milliseconds."""
    script = bench.directory / "pause.lua"
    script.write_text(f"local whole, rest = math.modf({CONNECTIONS * 2000 / rate:.3f})\n"
                      "function delay() return whole + (math.random() < rest and 1 or 0) end\n")
    return wrk(port, path, seconds, script)


def idle(api, count):
    """By how many MiB the process grows with connections that had one response each and stay, and its size then."""
    # The process first notices that earlier connections are closed.
    time.sleep(1)
    before = api.resident()
    with contextlib.ExitStack() as open_sockets:
        for _ in range(count):
            client = open_sockets.enter_context(socket.create_connection(("127.0.0.1", api.port)))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                raise Failure("an idle connection had no response")
        time.sleep(1)
        return api.resident() - before, api.resident()


def run(bench):
    seconds, count = bench.count(4), bench.count(10_000, 100)
    # Raised as far as ulimit -Hn allows: each connection is a descriptor.
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with contextlib.ExitStack() as stack:
        queue = stack.enter_context(bench.mq_server())
        api = stack.enter_context(bench.api(queue))
        wait_for_samples(api, bench.feed(bench.count(40_000_000, 20_000_000), queue))
        size = len(get(api.port, "/health"))
        gpu = json.loads(get(api.port, "/api/v1/gpus?limit=1"))["data"][0]["uuid"]
        page = f"/api/v1/gpus/{gpu}/telemetry?limit=100"
        body = get(api.port, page)
        if json.loads(body)["count"] != 100:
            raise Failure("the export has too few samples of one GPU")
        node = free_port()
        stack.enter_context(bench.start("node", "-e", NODE_SERVER, node, size, port=node))
        ports = {"api": api.port, "nginx": stack.enter_context(nginx(bench, size)).port, "node": node,
                 "python": stack.enter_context(serve(lambda *_: b"x" * size))}

        ways = {name: lambda port=port: wrk(port, "/health", seconds) for name, port in ports.items()}
        ways["list"] = lambda: wrk(api.port, page, seconds)
        results = bench.interleave(ways)
        rates = {name: [rate for rate, _ in runs] for name, runs in results.items()}
        lists = rates.pop("list")
        half = {label: [half_load(bench, api.port, path, statistics.median(full), seconds) for _ in range(bench.rounds)]
                for label, path, full in ((f"{size} bytes", "/health", rates["api"]), ("100 samples", page, lists))}
        grown, total = idle(api, count)

    bench.compare(f"{size} bytes", "responses/s", rates, [("nginx", 0.6), ("python", 3), ("node", 3)], "api", 0)
    listed = statistics.median(lists)
    bench.row(f"100 samples, {len(body):,} bytes", f"{listed:,.0f} responses/s", target="≥ 15,000", figure=listed)
    for label, runs in half.items():
        rate, late = (statistics.median(values) for values in zip(*runs))
        bench.row(f"{label} at half load", f"p99 {late:.2f} ms at {rate:,.0f} /s", target="< 5 ms", figure=late)
    each = grown * 1024 / count
    bench.row(f"{count:,} idle connections", f"{grown:.0f} MiB, {each:.1f} KiB each; {total:.0f} MiB in all",
              target="≤ 100 MiB", figure=grown)
    return (f"{seconds} s per measurement, {CONNECTIONS} connections, nginx with {WORKERS} workers. "
            f"{first_line('nginx', '-v')}; {first_line('python3', '-V')}; Node {first_line('node', '--version')}.")
