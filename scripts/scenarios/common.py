"""What all scenarios share: programs on loopback, stopped by process id; interleaved rounds; tables; the document."""
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
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


class Program:
    """A process in its own directory. Port 0: nothing is waited for; None: the process prints the port that it uses."""

    def __init__(self, command, directory, port, environment):
        self.directory, self.port, self.usage = directory, port, None
        self.log = directory / "program.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **{name: str(value) for name, value in environment.items()}})

    def __enter__(self):
        try:
            if self.port is None:
                wait_until(lambda: self.log.read_text().endswith("\n"), "prints its port", self.process)
                self.port = int(self.log.read_text())
            elif self.port:
                wait_until(lambda: socket.create_connection(("127.0.0.1", self.port)).close() or True,
                           f"listens on port {self.port}", self.process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self):
        """Asks the process to end, and keeps what it has used."""
        if self.process.poll() is None:
            self.process.terminate()
            _, status, self.usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)

    def resident(self, field="VmRSS"):
        """In MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.M)[1]) / 1024

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """One run of a scenario: where programs and files are, how long it takes, and the rows that it makes."""

    def __init__(self, name, options, directory):
        self.name, self.options, self.directory = name, options, pathlib.Path(directory)
        self.release, self.rounds, self.works = pathlib.Path(options.bin), options.rounds, options.works
        self.rows, self.notes, self.absent = [], [], []

    def wants(self, work):
        return not self.works or work in self.works

    def count(self, number, least=1):
        """That many in a full run, fewer in a scaled one."""
        return max(least, int(number * self.options.scale))

    def fresh(self, name):
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    def has(self, program):
        """Whether a peer is installed. Without all of them the document is not written."""
        if not shutil.which(program) and str(program) not in self.absent:
            self.absent.append(str(program))
        return bool(shutil.which(program))

    # What is run

    def start(self, *command, port=None, directory=None, **environment):
        return Program(command, directory or self.fresh("program"), port, environment)

    def mq_server(self, sync="interval:1s", release=None, http_port=0, **more):
        directory, port = self.fresh("mq"), free_port()
        return self.start((release or self.release) / "mq-server", port=port, directory=directory, **{
            "TCP_HOST": "127.0.0.1", "TCP_PORT": port, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": http_port,
            "MQ_DATA_DIR": directory / "log", "MQ_SYNC": sync, "LOG_LEVEL": "error", **more})

    def api(self, queue, **more):
        port = free_port()
        return self.start(self.release / "api", port=port, API_HOST="127.0.0.1", API_PORT=port, MQ_HOST="127.0.0.1",
                          MQ_PORT=queue, **more)

    def feed(self, file, queue):
        """Publishes a file, and returns the number of samples."""
        result = subprocess.run([str(self.release / "streamer")], capture_output=True, text=True, env=dict(
            SOURCE=str(file), LOOP="false", RATE="0", TIMESTAMPS="now", HTTP_PORT="", MQ_HOST="127.0.0.1",
            MQ_PORT=str(queue), LOG_FORMAT="json"))
        finished = [json.loads(line) for line in result.stderr.splitlines() if '"finished"' in line]
        if result.returncode or not finished:
            raise Failure(f"the streamer ended with status {result.returncode}:\n{result.stderr[-2000:]}")
        return finished[0]["published"]

    def load(self, program, *words, release=None, **environment):
        """Runs one measurement of a program of ours, and returns what it reports."""
        command = [str(word) for word in ((release or self.release) / program, *words)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, **environment})
        if result.returncode:
            raise Failure(f"{' '.join(command)}: {result.stderr}{result.stdout}")
        return json.loads(result.stdout.strip().splitlines()[-1])

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
            for name in list(ways) if turn % 2 == 0 else reversed(list(ways)):
                results[name].append(ways[name]())
        return results

    # What comes of it

    def row(self, work, measured, compared="", ratio=None, target="", met=None):
        cells = [work, measured, compared, "" if ratio is None else f"{ratio:.2f}", target,
                 "" if met is None else "met" if met else "missed"]
        self.rows.append("| " + " | ".join(cells) + " |")
        print(self.rows[-1], flush=True)

    def compare(self, work, unit, figures, bars, mine, digits=2):
        """A row for each `(peer or peers, target)`: my median compared with the best peer's. More is better."""
        median = {name: statistics.median(values) for name, values in figures.items()}
        for peers, target in bars:
            known = [peer for peer in ((peers,) if isinstance(peers, str) else peers) if peer in median]
            if known:
                best = max(known, key=median.get)
                ratio = median[mine] / median[best]
                self.row(work, f"{median[mine]:,.{digits}f} {unit}", f"{best} {median[best]:,.{digits}f}", ratio,
                         f"≥ {target}" if target else "", ratio >= target if target else None)
        ranges = (f"{name} {min(values):,.{digits}f}…{max(values):,.{digits}f}" for name, values in figures.items())
        self.notes.append(f"- {work}: {', '.join(ranges)} {unit}")

    def document(self, heading):
        """Puts the table between this scenario's marks in Docs/Benchmarks.md."""
        processor = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        name = processor[1] if processor else os.uname().machine
        lines = [f"{datetime.date.today()}, {os.cpu_count()} cores ({name}),"
                 f" {memory:.0f} GiB, Linux {os.uname().release}. Medians of {self.rounds} rounds. {heading}",
                 "", "| work | measured | compared with | ratio | target | |", "|---|---|---|---|---|---|", *self.rows]
        lines += ["", "From the slowest to the fastest round:", "", *self.notes] if self.notes else []
        path = ROOT / "Docs/Benchmarks.md"
        begin, end = f"<!-- bench-{self.name}: begin -->", f"<!-- bench-{self.name}: end -->"
        head, rest = path.read_text().split(begin)
        path.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def version(*command):
    """The first line that the command prints."""
    if not shutil.which(command[0]):
        return f"no {command[0]}"
    result = subprocess.run(command, capture_output=True, text=True)
    return (result.stdout + result.stderr).strip().split("\n")[0].strip()
