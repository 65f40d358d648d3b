"""What all scenarios share: programs on loopback, stopped by process id; interleaved rounds; tables; the document."""
import contextlib
import datetime
import http.server
import json
import operator
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The real export, which is not part of the repository; without it the sample that is.
EXPORT = os.environ.get("TELEMETRY_EXPORT") or str(
    next(ROOT.parent.glob("shared/data/*.csv"), ROOT / "deploy/sample/dcgm_sample.csv"))


class Failure(Exception):
    """A measurement that cannot be made, with the reason."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, process=None, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if condition():
                return
        if process and process.poll() is not None:
            raise Failure(f"{process.args[0]} ended with status {process.returncode}: {what}")
        time.sleep(0.02)
    raise Failure(f"not in {seconds} s: {what}")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        return response.read()


def api_statistics(api):
    return json.loads(get(api.port, "/api/v1/stats"))


def wait_for_samples(api, count):
    wait_until(lambda: api_statistics(api)["store"]["sample_count"] >= count, "the api has every sample", api)


def finished(log):
    """What a streamer that logs JSON has reported at its end."""
    return json.loads(next(line for line in reversed(log.splitlines()) if '"finished"' in line))


def median(runs, member):
    return statistics.median(run[member] for run in runs)


def first_line(*command):
    """The first line that the command prints, such as its version."""
    result = subprocess.run(command, capture_output=True, text=True)
    return (result.stdout + result.stderr).strip().split("\n")[0].strip()


@contextlib.contextmanager
def serve(respond, headers=()):
    """An HTTP server in this process, with a thread for each connection; returns its port. `respond` gets the path and
    the body of a request, and returns the body of the response."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version, wbufsize = "HTTP/1.1", -1
        log_message = lambda *_: None

        def do_GET(self):
            body = respond(self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.send_response(200 if body else 204)
            for header in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # Such as a connection that a load generator has reset.
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class Program(subprocess.Popen):
    """A process in its own directory, which is removed with it."""

    def __init__(self, command, directory, environment):
        self.directory, self.log, self.usage = directory, directory / "program.log", None
        environment = os.environ | {name: str(value) for name, value in environment.items()}
        with open(self.log, "w") as log:
            super().__init__(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def stop(self):
        """Asks the process to end, and keeps what it has used."""
        if self.poll() is None:
            self.terminate()
            _, status, self.usage = os.wait4(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def resident(self, field="VmRSS"):
        """In MiB."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.M)[1]) / 1024

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """One run of a scenario: where programs and files are, how long it takes, and the rows that it makes."""

    def __init__(self, options, directory):
        self.options, self.rounds, self.directory = options, options.rounds, pathlib.Path(directory)
        self.release = self.generator = pathlib.Path(os.environ.get("BIN") or ROOT / ".build/release")
        self.rows, self.notes = [], []

    def wants(self, work):
        return not self.options.works or work in self.options.works

    def count(self, number, least=1):
        """That many in a full run, fewer in a scaled one."""
        return max(least, int(number * self.options.scale))

    def fresh(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    # What is run

    @contextlib.contextmanager
    def start(self, *command, port=None, directory=None, **environment):
        """Waits until the program listens on the port. Port 0: it listens on none; None: it prints the one it uses."""
        with Program(command, directory or self.fresh("program"), environment) as program:
            if port is None:
                wait_until(lambda: program.log.read_text().endswith("\n"), "prints its port", program)
                port = int(program.log.read_text())
            elif port:
                wait_until(lambda: not socket.create_connection(("127.0.0.1", port)).close(),
                           f"listens on port {port}", program)
            program.port = port
            yield program

    def mq_server(self, sync="interval:1s", http_port=0, **more):
        directory, port = self.fresh("mq"), free_port()
        return self.start(self.release / "mq-server", port=port, directory=directory, **{
            "TCP_HOST": "127.0.0.1", "TCP_PORT": port, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": http_port,
            "MQ_DATA_DIR": directory / "log", "MQ_SYNC": sync, "LOG_LEVEL": "error", **more})

    def api(self, queue, **more):
        port = free_port()
        return self.start(self.release / "api", port=port, API_HOST="127.0.0.1", API_PORT=port, MQ_HOST="127.0.0.1",
                          MQ_PORT=queue.port, **more)

    def streamer(self, file, queue, loop="false"):
        return self.start(self.release / "streamer", port=0, SOURCE=file, LOOP=loop, RATE="0", TIMESTAMPS="now",
                          HTTP_PORT="", MQ_HOST="127.0.0.1", MQ_PORT=queue.port, LOG_FORMAT="json", DRAIN_TIMEOUT="60s")

    def feed(self, size, queue):
        """Publishes an export of about that size, and returns the number of samples."""
        with self.streamer(self.export(size), queue) as streamer:
            if streamer.wait(600):
                raise Failure(f"the streamer ended with status {streamer.returncode}")
            return finished(streamer.log.read_text())["published"]

    def load(self, *command, **environment):
        """Runs one measurement by a program, and returns what it reports on its last line."""
        command = [str(word) for word in command]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, **environment})
        if result.returncode:
            raise Failure(f"{' '.join(command)}: {result.stderr}{result.stdout}")
        return json.loads(result.stdout.strip().splitlines()[-1])

    def ingest(self, *words):
        return self.load(self.release / "ingest-bench", *words)

    def export(self, size, name="export.csv"):
        """A CSV file of about that size, made of the rows of the export again and again."""
        text = pathlib.Path(EXPORT).read_bytes()
        path = self.directory / name
        with open(path, "wb") as file:
            file.write(text)
            while file.tell() < size:
                file.write(text[text.index(b"\n") + 1:])
        return path

    def interleave(self, ways, rounds=None):
        """Calls each way once per round, so that a slow minute of the machine meets all. Returns lists of results."""
        results = {name: [] for name in ways}
        for turn in range(rounds or self.rounds):
            for name in list(ways)[::1 if turn % 2 == 0 else -1]:
                results[name].append(ways[name]())
        return results

    # What comes of it

    def row(self, work, measured, compared="", target="", figure=None, ratio=None):
        """The figure meets a target such as `≥ 3` or `p99 < 2 ms`, or is whether one without a number is met."""
        if bar := re.search(r"([≥≤<]) ([\d,.]+)", target):
            compares = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}[bar[1]]
            figure = compares(figure, float(bar[2].replace(",", "")))
        cells = [work, measured, compared, "" if ratio is None else f"{ratio:.2f}", target,
                 ("met" if figure else "missed") if target else ""]
        self.rows.append("| " + " | ".join(cells) + " |")
        print(self.rows[-1], flush=True)

    def compare(self, work, unit, figures, bars, mine, digits=2):
        """A row for each `(peer or peers, target)`: my median compared with the best peer's. More is better."""
        medians = {name: statistics.median(values) for name, values in figures.items()}
        for peers, target in bars:
            best = max([peers] if isinstance(peers, str) else peers, key=medians.get)
            ratio = medians[mine] / medians[best]
            self.row(work, f"{medians[mine]:,.{digits}f} {unit}", f"{best} {medians[best]:,.{digits}f}",
                     f"≥ {target}" if target else "", ratio, ratio)
        ranges = (f"{name} {min(values):,.{digits}f}…{max(values):,.{digits}f}" for name, values in figures.items())
        self.notes.append(f"- {work}: {', '.join(ranges)} {unit}")

    def document(self, heading):
        """Puts the table between this scenario's marks in Docs/Benchmarks.md."""
        model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        lines = [f"{datetime.date.today()}, {os.cpu_count()} cores ({model[1] if model else os.uname().machine}),"
                 f" {memory:.0f} GiB, Linux {os.uname().release}. Medians of {self.rounds} rounds. {heading}",
                 "", "| work | measured | compared with | ratio | target | |", "|---|---|---|---|---|---|", *self.rows]
        lines += ["", "From the slowest to the fastest round:", "", *self.notes] if self.notes else []
        path, mark = ROOT / "Docs/Benchmarks.md", f"<!-- bench-{self.options.scenario}: "
        old = re.compile(rf"(?<={mark}begin -->\n).*?(?={mark}end -->)", re.S)
        path.write_text(old.sub(lambda _: "\n".join(lines) + "\n", path.read_text()))
