"""Where blocks of the guide are run: a temporary directory with the programs and the sample, beside a pipeline that is up, in a network
of its own (`unshare --net`), so that the ports that the guide names are free whatever else this machine does."""
import fcntl
import gzip
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ("mq-server", "streamer", "collector", "api")
# No answer of a program is waited for longer.
LIMIT = 60


def binary(name):
    return str(ROOT / ".build/debug" / name)


# A network of its own is root's to make, or anybody's where the system allows that.
APART = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]


def is_possible():
    return subprocess.run([*APART, "true"], capture_output=True).returncode == 0


def run_page(page, blocks):
    """Problems, and how many blocks ran. The work is done by this file as a program, in the other network."""
    jobs = []
    for block in blocks:
        if block.note("prints") is not None:
            message = re.search(r"`([^`]+)`", block.text)[1]
            jobs.append({"place": block.place, "command": block.note("prints"), "prints": message})
        elif block.language == "sh" and block.note("run") is not None:
            jobs.append({"place": block.place, "command": block.text, "expected": block.note("run").strip()})
    files = {block.note("as").strip(): block.text for block in blocks if block.note("as")}
    done = subprocess.run(
        [*APART, sys.executable, __file__], input=json.dumps({"jobs": jobs, "files": files}), capture_output=True, text=True)
    try:
        return json.loads(done.stdout.strip().split("\n")[-1]), len(jobs)
    except ValueError:
        return [f"{page.relative_to(ROOT)}: its blocks could not be run: {done.stderr.strip()[-500:]}"], 0


# -- in the other network ---------------------------------------------------------------------------------------------


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCSIFFLAGS with IFF_UP.
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))


def answer(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.read().decode()
    except OSError:
        return None


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {LIMIT} s")
        time.sleep(0.05)


def pipeline(directory, environment, started):
    """Starts mq-server and api, on the ports they have by default, and puts the sample in."""
    def start(name, **variables):
        return subprocess.Popen(
            [f"./{name}"], cwd=directory, env=environment | variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(directory / f"{name}.log", "w"), start_new_session=True)

    started.append(start("mq-server", MQ_DATA_DIR="mq-data"))
    started.append(start("api"))
    subprocess.run(
        ["./streamer"], cwd=directory, env=environment | {"SOURCE": "export.csv", "LOOP": "false", "TIMESTAMPS": "source"},
        stderr=open(directory / "streamer.log", "w"), check=True)
    rows = sum(1 for _ in open(directory / "export.csv")) - 1
    wait_until(lambda: f'"sample_count":{rows}' in (answer("http://localhost:8080/api/v1/stats") or ""), "the api has the sample")


def is_alive(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def end(processes, signals=(signal.SIGTERM, signal.SIGKILL)):
    """Ends each, with all that it has started: they are one process group, even where its first has ended."""
    for process in processes:
        for how in signals:
            if is_alive(process.pid):
                os.killpg(process.pid, how)
            try:
                # `poll` takes the first one's status; without that it would count as alive.
                wait_until(lambda: (process.poll() is not None) & (not is_alive(process.pid)), "the end of a program")
                break
            except TimeoutError:
                continue


def run(job, directory, environment, output):
    """What is wrong, or nothing. What the commands have started ends with them."""
    shell = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", job["command"]], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
        stdout=open(output, "w"), stderr=subprocess.STDOUT, start_new_session=True)
    # `…` stands for whatever differs from case to case.
    pattern = re.compile(".*".join(map(re.escape, re.split(r" ?… ?", job["prints"])))) if "prints" in job else None
    said = lambda: output.read_text(errors="replace")
    try:
        # Some of the commands that print a message go on after it, and a pipe that ends tells nothing.
        wait_until(lambda: (pattern and pattern.search(said())) or shell.poll() is not None, "the end of the commands")
        status = shell.poll()
    except TimeoutError as error:
        return f"{job['place']}: {error}: {said()[-400:]}"
    finally:
        # A program that has said what is wrong would drain first.
        end([shell], (signal.SIGKILL,))
    if pattern:
        return None if pattern.search(said()) else f"{job['place']}: '{job['prints']}' is not what comes: {said()[-400:]}"
    if status:
        return f"{job['place']}: ended with {status}: {said()[-400:]}"
    return None if job["expected"] in said() else f"{job['place']}: '{job['expected']}' is not in what comes: {said()[-400:]}"


def main():
    task = json.load(sys.stdin)
    loopback_up()
    problems, started = [], []
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for program in PROGRAMS:
            (directory / program).symlink_to(binary(program))
        sample = (ROOT / "deploy/sample/dcgm_sample.csv").read_bytes()
        (directory / "export.csv").write_bytes(sample)
        (directory / "export.csv.gz").write_bytes(gzip.compress(sample))
        for file, text in task["files"].items():
            (directory / file).write_text(text)
        # An answer of 400 or more is a failure.
        (directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 30\n")
        environment = {"PATH": f"{directory}:{os.environ['PATH']}", "HOME": name, "LANG": "C.UTF-8"}
        try:
            pipeline(directory, environment, started)
            for number, job in enumerate(task["jobs"]):
                if problem := run(job, directory, environment, directory / f"output{number}"):
                    problems.append(problem)
        finally:
            end(reversed(started))
    print(json.dumps(problems))


if __name__ == "__main__":
    main()
