#!/usr/bin/env python3
"""Measures the gateway's HTTP server beside nginx, Python's http.server and Node's http, with wrk over 64 connections.

The api program is fed from the export through the queue. The small answer is that of /health; nginx serves a file of as many bytes, with as
many workers as the api has event loops, and the other two answer as many bytes from memory. They take turns in every round. The list is
one page of 100 samples of one GPU. At half load every connection of wrk waits between its requests so long that together they ask half as
often as they could. Idle connections have each had one answer. The table is kept in Docs/Benchmarks.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from benchmarks import EXPORT, RELEASE, document, free_port, repeat, running, today, verdict, version

CONNECTIONS = 64
WORKERS = min(4, os.cpu_count())
PYTHON_SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
body = b"x" * int(sys.argv[2])
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
NODE_SERVER = """
const body = Buffer.alloc(Number(process.argv[2]), "x");
require("http").createServer((request, answer) => {
  answer.writeHead(200, {"Content-Type": "application/json", "Content-Length": body.length});
  answer.end(body);
}).listen(Number(process.argv[1]), "127.0.0.1");
"""


def nginx(directory, port, size):
    """Writes a file to serve and what nginx needs to serve it as fast as it can; returns the command."""
    (directory / "www").mkdir()
    (directory / "www/health").write_bytes(b"x" * size)
    paths = "".join(f'  {name}_temp_path "{directory}/{name}";\n' for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(
        # Workers of another user could not read the directory.
        f'{"user root;" if os.geteuid() == 0 else ""}daemon off;\nworker_processes {WORKERS};\npid "{directory}/pid";\nerror_log "{directory}/log";\n'
        "events { worker_connections 1024; multi_accept on; }\n"
        f"http {{\n{paths}  access_log off;\n  default_type application/json;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000000;\n"
        f'  open_file_cache max=16;\n  server {{ listen 127.0.0.1:{port}; root "{directory}/www"; }}\n}}\n')
    return ["nginx", "-p", directory, "-e", directory / "log", "-c", directory / "nginx.conf"]


def wrk(port, path, seconds, script=None):
    """Answers a second, and the 99th percentile of the time to an answer in milliseconds."""
    command = ["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--latency"]
    result = subprocess.run([*command, *(["-s", str(script)] if script else []), f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True)
    if result.returncode or "Socket errors" in result.stdout or "Non-2xx" in result.stdout:
        sys.exit(f"bench-http: wrk {path}: {result.stdout}{result.stderr}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", result.stdout).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", result.stdout)[1]), float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def at_half(port, path, rate, seconds, directory):
    """As wrk(), with about half of that rate asked for. wrk delays each request by whole milliseconds."""
    pause = CONNECTIONS * 1000 / (rate / 2)
    script = directory / "pause.lua"
    script.write_text(f"local whole, rest = math.modf({pause:.3f})\n"
                      "function delay() return whole + (math.random() < rest and 1 or 0) end\n")
    return wrk(port, path, seconds, script)


def resident(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def idle(process, port, count):
    """How much the process grows by connections that have had one answer each and stay, in MiB."""
    # Those from before are noticed as closed first.
    time.sleep(1)
    before = resident(process)
    with contextlib.ExitStack() as open_sockets:
        for _ in range(count):
            client = open_sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit("bench-http: an idle connection had no answer")
        time.sleep(1)
        return resident(process) - before, resident(process)


@contextlib.contextmanager
def fed_api(directory, size):
    """The api with at least a page of samples of every GPU."""
    file = directory / "export.csv"
    repeat(EXPORT, file, size)
    queue, rest = free_port(), free_port()
    with running([RELEASE / "mq-server"], queue, TCP_HOST="127.0.0.1", TCP_PORT=str(queue), HTTP_HOST="127.0.0.1", HTTP_PORT="0"), \
            running([RELEASE / "api"], rest, API_HOST="127.0.0.1", API_PORT=str(rest), MQ_HOST="127.0.0.1", MQ_PORT=str(queue)) as (api, _):
        streamer = subprocess.run([str(RELEASE / "streamer")], capture_output=True, text=True, env=dict(
            SOURCE=str(file), LOOP="false", RATE="0", TIMESTAMPS="now", MQ_HOST="127.0.0.1", MQ_PORT=str(queue), LOG_FORMAT="json"))
        finished = [json.loads(line) for line in streamer.stderr.splitlines() if '"finished"' in line]
        if streamer.returncode or not finished:
            sys.exit(f"bench-http: the streamer ended with status {streamer.returncode}:\n{streamer.stderr[-2000:]}")
        end = time.monotonic() + 60
        while ask(rest, "/api/v1/stats")["store"]["sample_count"] < finished[0]["published"]:
            if time.monotonic() > end:
                sys.exit("bench-http: the api does not read everything")
            time.sleep(0.05)
        yield api, rest


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections")
    arguments = parser.parse_args()
    for program in ("nginx", "wrk"):
        if not shutil.which(program):
            sys.exit(f"bench-http: there is no {program}: scripts/setup.sh bench-http installs it")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most < arguments.idle + 200:
        sys.exit(f"bench-http: {arguments.idle} connections need as many descriptors; the limit is {most}: see ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (arguments.idle + 200, most))
    with tempfile.TemporaryDirectory(prefix="bench-http-") as directory:
        directory = pathlib.Path(directory)
        with contextlib.ExitStack() as servers:
            api, port = servers.enter_context(fed_api(directory, 40_000_000))
            size = len(urllib.request.urlopen(f"http://127.0.0.1:{port}/health").read())
            gpu = ask(port, "/api/v1/gpus?limit=1")["data"][0]["uuid"]
            page = f"/api/v1/gpus/{gpu}/telemetry?limit=100"
            if ask(port, page)["count"] != 100:
                sys.exit("bench-http: the export has too few samples of one GPU")
            page_size = len(urllib.request.urlopen(f"http://127.0.0.1:{port}{page}").read())
            ports = {"api": port}
            for name, command in (("nginx", lambda p: nginx(directory, p, size)),
                                  ("python", lambda p: [sys.executable, "-c", PYTHON_SERVER, str(p), str(size)]),
                                  ("node", lambda p: ["node", "-e", NODE_SERVER, str(p), str(size)])):
                if shutil.which(name) or name == "python":
                    peer = free_port()
                    ports[name] = servers.enter_context(running(command(peer), peer))[1]

            small = {name: [] for name in ports}
            lists, half = [], {"/health": [], page: []}
            for _ in range(arguments.rounds):
                for name in ports:
                    small[name].append(wrk(ports[name], "/health", arguments.seconds))
                lists.append(wrk(port, page, arguments.seconds))
                half["/health"].append(at_half(port, "/health", small["api"][-1][0], arguments.seconds, directory))
                half[page].append(at_half(port, page, lists[-1][0], arguments.seconds, directory))
            grown, total = idle(api, port, arguments.idle)

    rates = {name: statistics.median(rate for rate, _ in runs) for name, runs in small.items()}
    rows = []
    for name, label, bar in (("nginx", f"nginx, {WORKERS} workers", 0.6), ("python", "Python", 3), ("node", "Node", 3)):
        if name in rates:
            ratio = rates["api"] / rates[name]
            rows.append([f"{size} bytes", f"{rates['api']:,.0f} /s", f"{label}: {rates[name]:,.0f} /s", f"{ratio:.2f}", f"≥ {bar}", verdict(ratio, bar)])
    listed = statistics.median(rate for rate, _ in lists)
    rows.append([f"100 samples, {page_size:,} bytes", f"{listed:,.0f} /s", "", "", "≥ 15,000 /s", verdict(listed, 15_000)])
    for path, label in (("/health", f"{size} bytes"), (page, "100 samples")):
        late, asked = statistics.median(late for _, late in half[path]), statistics.median(rate for rate, _ in half[path])
        rows.append([f"{label} at half load, {asked:,.0f} /s", f"p99 {late:.2f} ms", "", "", "< 5 ms", verdict(5, late)])
    rows.append([f"{arguments.idle:,} idle connections", f"{grown:.0f} MiB, {grown * 1024 / arguments.idle:.1f} KiB each; {total:.0f} MiB in all", "", "",
                 "≤ 100 MiB", verdict(100, grown)])
    spread = ", ".join(f"{name} {min(runs)[0]:,.0f}…{max(runs)[0]:,.0f}" for name, runs in small.items())
    versions = "; ".join(filter(None, (
        subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip(), f"Python {sys.version.split()[0]}",
        "Node " + version(["node", "--version"]) if "node" in ports else "", "wrk " + subprocess.run(
            ["wrk", "-v"], capture_output=True, text=True).stdout.split()[1])))
    notes = [f"From the slowest to the fastest round, answers a second: {spread}. {versions}."]
    document(f"{today()}. Medians of {arguments.rounds} interleaved rounds of {arguments.seconds} s, {CONNECTIONS} connections, wrk on the same machine.",
             ["work", "api", "peer", "ratio", "bar", ""], rows, notes)


main()
