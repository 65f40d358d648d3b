"""What the scripts that measure have in common: programs that are started and stopped, the machine's name, the tables in Docs."""
import contextlib
import datetime
import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / ".build/release"
DOCUMENT = ROOT / "Docs/Benchmarks.md"
PYTHON = ROOT / ".run/python/bin/python3"
SCRIPT = pathlib.Path(sys.argv[0]).stem
# The real export, which is not part of the repository; without it the sample that is.
EXPORT = os.environ.get("TELEMETRY_EXPORT") or str(next(ROOT.parent.glob("shared/data/*.csv"), ROOT / "deploy/sample/dcgm_sample.csv"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"{SCRIPT}: {process.args[0]} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{SCRIPT}: {process.args[0]} does not listen on port {port}")


@contextlib.contextmanager
def running(command, port=None, directory=None, **environment):
    """The process and its port; where `port` is None the process prints it."""
    process = subprocess.Popen(
        [str(word) for word in command], env={**os.environ, **environment}, text=True,
        stdout=subprocess.PIPE if port is None else subprocess.DEVNULL, stderr=subprocess.DEVNULL if port else None)
    try:
        if port is None:
            port = int(process.stdout.readline())
        else:
            wait_for(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait()
        if directory:
            shutil.rmtree(directory, ignore_errors=True)


def settle(seconds=3):
    """Waits until the machine has been idle for a moment, or so long."""
    def busy():
        with open("/proc/stat") as file:
            user, nice, system, _, _, interrupt, soft, steal = (int(word) for word in file.readline().split()[1:9])
        return (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK")

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = busy()
        time.sleep(0.2)
        if busy() - before < 0.03:
            return


def load(program, *words):
    """Runs one measurement of a program of ours, and returns what it reports."""
    result = subprocess.run([str(RELEASE / program), *map(str, words)], capture_output=True, text=True, timeout=600)
    if result.returncode:
        sys.exit(f"{SCRIPT}: {program} {' '.join(map(str, words))}: {result.stderr}")
    return json.loads(result.stdout)


def repeat(source, path, size):
    """Writes a CSV file of about that size, of the rows of another again and again."""
    text = pathlib.Path(source).read_bytes()
    header = text.index(b"\n") + 1
    with open(path, "wb") as file:
        file.write(text)
        while file.tell() < size:
            file.write(text[header:])


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}"


def version(command):
    return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0].strip()


def verdict(ratio, bar):
    return "met" if ratio >= bar else "missed"


def document(heading, columns, rows, notes):
    """Puts a table between the marks of the script in Docs/Benchmarks.md, and prints it."""
    lines = [heading, "", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", *notes] if notes else []
    begin, end = f"<!-- {SCRIPT}: begin -->", f"<!-- {SCRIPT}: end -->"
    head, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def today():
    return f"{datetime.date.today()}, {machine()}"
