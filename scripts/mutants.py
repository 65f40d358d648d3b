#!/usr/bin/env python3
"""Plants one bug after the other into the queue, and shows that the tests see each.

The bugs are in mutants.toml. The working tree is copied to .build/mutants, where each is an exact replacement of text, an
incremental build and a run of the tests that should fail. A replacement whose text is no longer there, and one that does not
build, is an error: mend it in the list.

    scripts/mutants.py                every bug, and the table
    scripts/mutants.py NAME ...       only these
    scripts/mutants.py --list         their names; also fails where a text is no longer there

SWIFT is the command to build and test with (default `swift`).
"""
import argparse
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / ".build/mutants"
SWIFT = shlex.split(os.environ.get("SWIFT", "swift"))
# As in test-groups.sh.
os.environ["SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH"] = "8"
# A bug may make a test wait for ever.
TEST_SECONDS = 300


@dataclasses.dataclass
class Mutant:
    name: str
    file: str
    text: str
    replacement: str
    tests: str

    @property
    def path(self):
        return "Sources/" + self.file


def read_list():
    listed = tomllib.loads((ROOT / "scripts/mutants.toml").read_text())["mutant"]
    return [Mutant(**each) for each in listed]


def copy_tree():
    """Brings the copy up to date, and leaves alone what is the same, so that the build is incremental."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    wanted = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in wanted:
        text = (ROOT / name).read_bytes()
        if name == "Package.swift":
            # A bug may leave a variable that is never used.
            text = text.replace(b".treatAllWarnings(as: .error)", b"")
        put(TREE / name, text)
    # What the tests need beside the tree: prometheus_client.
    (ROOT / ".run").mkdir(exist_ok=True)
    if not (TREE / ".run").exists():
        (TREE / ".run").symlink_to(ROOT / ".run")
    for top in ("Sources", "Tests"):
        for found in (TREE / top).rglob("*"):
            if found.is_file() and str(found.relative_to(TREE)) not in wanted:
                found.unlink()


def put(path, content):
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def stale(chosen):
    """What is wrong with the replacements, before anything is built."""
    problems = []
    for each in chosen:
        file = ROOT / each.path
        found = file.read_text().count(each.text) if file.is_file() else 0
        if found != 1:
            problems.append(f"{each.name}: {each.path} has this text {found} times, not once:\n{each.text}")
    return problems


def run(arguments, seconds):
    """Exit code (None where it hung) and output."""
    child = subprocess.Popen(
        SWIFT + arguments, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        output, _ = child.communicate(timeout=seconds)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return None, output
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise


def build():
    code, output = run(["build", "--build-tests"], 1800)
    return None if code == 0 else output


def test(pattern):
    """What failed, in words; None where nothing did."""
    code, output = run(["test", "--skip-build", "--disable-xctest", "--filter", pattern], TEST_SECONDS)
    if code == 0:
        if re.search(r"with 0 tests", output):
            sys.exit(f"mutants: no test matches {pattern}")
        return None
    failed = re.findall(r'Test "([^"]+)"(?: with \d+ test cases?)? failed', output) or re.findall(
        r'Test "([^"]+)" recorded an issue', output)
    if failed:
        return "; ".join(dict.fromkeys(failed))
    started = re.findall(r'Test "([^"]+)" started', output)
    ended = set(re.findall(r'Test "([^"]+)"[^\n]* (?:passed|failed)', output))
    running = [name for name in started if name not in ended]
    how = "hangs" if code is None else "crashes"
    more = f" and {len(running) - 1} tests beside it" if len(running) > 1 else ""
    return f"{how}: {running[0] if running else output[-300:]}{more}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    mutants = read_list()
    unknown = set(options.names) - {each.name for each in mutants}
    if unknown:
        sys.exit(f"mutants: not known: {', '.join(unknown)}")
    chosen = [each for each in mutants if not options.names or each.name in options.names]
    problems = stale(chosen)
    if problems:
        sys.exit("mutants: " + "\n".join(problems))
    if options.list:
        print("\n".join(each.name for each in chosen))
        return

    copy_tree()
    print("mutants: building without a bug", file=sys.stderr, flush=True)
    if output := build():
        sys.exit(f"mutants: the tree does not build\n{output[-4000:]}")
    patterns = "|".join(sorted({name for each in chosen for name in each.tests.split("|")}))
    if failure := test(patterns):
        sys.exit(f"mutants: without a bug fails: {failure}")

    rows = []
    for number, each in enumerate(chosen, 1):
        started = time.monotonic()
        file = TREE / each.path
        original = file.read_text()
        try:
            file.write_text(original.replace(each.text, each.replacement))
            if output := build():
                errors = "\n".join(line for line in output.splitlines() if "error:" in line)
                caught, verdict = None, f"DOES NOT BUILD\n{errors}"
            else:
                caught = test(each.tests)
                verdict = "caught" if caught else "SURVIVES"
        finally:
            file.write_text(original)
        rows.append((each.name, caught))
        print(
            f"mutants: {number}/{len(chosen)} {each.name}: {verdict} ({time.monotonic() - started:.0f} s)",
            file=sys.stderr, flush=True)

    width = max(len(name) for name, _ in rows)
    print(f"{'mutant':<{width}} | caught by")
    print(f"{'-' * width}-|----------")
    for name, caught in rows:
        print(f"{name:<{width}} | {caught or 'NOTHING'}")
    survivors = [name for name, caught in rows if not caught]
    if survivors:
        sys.exit(f"mutants: {len(survivors)} of {len(rows)} are not caught")


if __name__ == "__main__":
    main()
