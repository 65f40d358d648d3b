"""Runs blocks of the guide: in a temporary directory with the programs and the sample, next to a running pipeline, in a
network namespace (`unshare --net`), so that the ports that the guide names are free."""
import contextlib
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
import urllib.request

from guide import PROGRAMS, ROOT, build_path
from scenarios.common import Failure, wait_until

# A network of its own is root's to make, or anybody's if the system allows that.
APART = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]


def jobs(blocks):
    """The blocks that are run, with what they must print; `…` stands for what differs from run to run."""
    found = []
    for block in blocks:
        if (command := block.note("prints")) is not None:
            message = re.search(r"`([^`]+)`", block.text)[1]
            found.append([block.place, command, ".*".join(map(re.escape, re.split(r" ?… ?", message))), True])
        elif block.language == "sh" and (words := block.note("run")) is not None:
            found.append([block.place, block.text, re.escape(words), False])
    return found


def run_page(page, blocks, found):
    """Problems. The work is done by this file as a program, in the other network."""
    if subprocess.run([*APART, "true"], capture_output=True).returncode:
        print(f"guide: this system gives no process a network of its own (unshare --net); {page.name} is not run")
        return []
    files = {block.note("as"): block.text for block in blocks if block.note("as")}
    task = json.dumps({"jobs": found, "files": files, "build": str(build_path())})
    done = subprocess.run([*APART, sys.executable, __file__], input=task, capture_output=True, text=True)
    try:
        return json.loads(done.stdout.strip().split("\n")[-1])
    except ValueError:
        return [f"{page}: its blocks could not be run: {done.stderr.strip()[-500:]}"]


# -- In the other network ---------------------------------------------------------------------------------------------


def has_rows(count):
    with urllib.request.urlopen("http://localhost:8080/api/v1/stats", timeout=5) as response:
        return f'"sample_count":{count}' in response.read().decode()


def start(command, directory, environment, log):
    return subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=open(log, "w"),
                            stderr=subprocess.STDOUT, start_new_session=True)


def end(process, *signals):
    """Ends a process with all that it has started: they are one process group, even if its first has ended."""
    def is_gone(signal=0):
        # `poll` reaps the first one; without that it would count as alive.
        process.poll()
        try:
            os.killpg(process.pid, signal)
        except ProcessLookupError:
            return True

    for each in signals:
        with contextlib.suppress(Failure):
            return is_gone(each) or wait_until(is_gone, "the end of a program")


def run(place, command, expected, is_message, directory, environment, log):
    """What is wrong, or nothing."""
    shell = start(["bash", "-euo", "pipefail", "-c", command], directory, environment, log)
    printed = lambda: re.search(expected, log.read_text(errors="replace"))
    try:
        # Some of the commands that print a message do not end by themselves.
        wait_until(lambda: is_message and printed() or shell.poll() is not None, "the end of the commands")
    except Failure as error:
        return f"{place}: {error}: {log.read_text()[-400:]}"
    finally:
        end(shell, signal.SIGKILL)
    if not printed() or shell.returncode and not is_message:
        return f"{place}: status {shell.returncode}, '{expected}' is expected: {log.read_text()[-400:]}"


def main():
    task, problems, started = json.load(sys.stdin), [], []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCSIFFLAGS with IFF_UP: the loopback of this network.
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for program in PROGRAMS:
            (directory / program).symlink_to(pathlib.Path(task["build"], program))
        sample = (ROOT / "deploy/sample/dcgm_sample.csv").read_bytes()
        (directory / "export.csv").write_bytes(sample)
        (directory / "export.csv.gz").write_bytes(gzip.compress(sample))
        # A response of 400 or more is a failure.
        (directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 30\n")
        for file, text in task["files"].items():
            (directory / file).write_text(text)
        environment = {"PATH": f"{directory}:{os.environ['PATH']}", "HOME": name, "LANG": "C.UTF-8"}
        try:
            for program, more in (("mq-server", {"MQ_DATA_DIR": "mq-data"}), ("api", {})):
                started.append(start([f"./{program}"], directory, environment | more, directory / f"{program}.log"))
            subprocess.run(["./streamer"], cwd=directory, check=True, stderr=subprocess.DEVNULL,
                           env=environment | {"SOURCE": "export.csv", "LOOP": "false", "TIMESTAMPS": "source"})
            wait_until(lambda: has_rows(sample.count(b"\n") - 1), "the api has the sample")
            for number, job in enumerate(task["jobs"]):
                if problem := run(*job, directory, environment, directory / f"output{number}"):
                    problems.append(problem)
        finally:
            for process in reversed(started):
                end(process, signal.SIGTERM, signal.SIGKILL)
    print(json.dumps(problems))


if __name__ == "__main__":
    main()
