"""Runs blocks of the guide: in a temporary directory with the programs and the sample, next to a running pipeline, in a
network of this process alone, in which the ports that the guide names are free."""
import contextlib
import ctypes
import fcntl
import gzip
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import tempfile

from scenarios.common import Failure, ROOT, get, wait_until


def leave_network():
    """Whether the system gives this process a network of its own: to root, or to anybody in a user namespace."""
    newuser, newnet = 0x10000000, 0x40000000
    if ctypes.CDLL(None).unshare(newnet if os.geteuid() == 0 else newuser | newnet):
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        # SIOCSIFFLAGS with IFF_UP: the loopback of this network.
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))
    return True


def jobs(blocks):
    """Blocks that are run, each with its commands and what they must print; `…` is what differs from run to run."""
    for block in blocks:
        if (command := block.note("prints")) is not None:
            message = re.search(r"`([^`]+)`", block.text)[1]
            yield block, command, ".*".join(map(re.escape, re.split(r" ?… ?", message)))
        elif block.language == "sh" and (words := block.note("run")) is not None:
            yield block, block.text, re.escape(words)


def start(command, directory, environment, log):
    return subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=open(log, "w"),
                            stderr=subprocess.STDOUT, start_new_session=True)


def end(process):
    """Ends a process with all that it has started: they are one process group, even if its first has ended."""
    def is_gone():
        # Reaps the first one; without that it would count as alive.
        process.poll()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return True

    wait_until(is_gone, "the end of a program")


def run(block, command, expected, directory, environment):
    """What is wrong, or nothing. A command that prints a message may not end by itself."""
    log, is_message = directory / "output", block.language == "heading"
    shell = start(["bash", "-euo", "pipefail", "-c", command], directory, environment, log)
    printed = lambda: re.search(expected, log.read_text(errors="replace"))
    try:
        wait_until(lambda: is_message and printed() or shell.poll() is not None, "the end of the commands")
    except Failure as error:
        return f"{block.place}: {error}: {log.read_text()[-400:]}"
    finally:
        end(shell)
    if not printed() or shell.returncode and not is_message:
        return f"{block.place}: status {shell.returncode}, '{expected}' is expected: {log.read_text()[-400:]}"


def run_page(blocks, found, programs):
    """Problems."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        for program in programs:
            (directory / program.name).symlink_to(program)
        sample = (ROOT / "deploy/sample/dcgm_sample.csv").read_bytes()
        (directory / "export.csv").write_bytes(sample)
        (directory / "export.csv.gz").write_bytes(gzip.compress(sample))
        # A response of 400 or more is a failure.
        (directory / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 30\n")
        for block in blocks:
            if file := block.note("as"):
                (directory / file).write_text(block.text)
        environment = {"PATH": f"{directory}:{os.environ['PATH']}", "HOME": name, "LANG": "C.UTF-8"}
        for program in ("mq-server", "api"):
            stack.callback(end, start([f"./{program}"], directory, environment | {"MQ_DATA_DIR": "mq-data"},
                                      directory / f"{program}.log"))
        subprocess.run(["./streamer"], cwd=directory, check=True, stderr=subprocess.DEVNULL,
                       env=environment | {"SOURCE": "export.csv", "LOOP": "false", "TIMESTAMPS": "source"})
        count = b'"sample_count":%d' % (sample.count(b"\n") - 1)
        wait_until(lambda: count in get(8080, "/api/v1/stats"), "the api has the sample")
        for job in found:
            if problem := run(*job, directory, environment):
                yield problem
