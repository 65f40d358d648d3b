#!/usr/bin/env python3
"""Plants one bug after the other, and shows that the tests catch each.

The bugs are in mutants.toml. The working tree is copied to .build/mutants, where each bug is an exact replacement of
text, an incremental build and a run of the tests that should fail. A replacement whose text is no longer there, and one
that does not build, is an error: fix it in the list.
"""
import argparse
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
# As in test-groups.sh.
os.environ["SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH"] = "8"


def git_files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True)
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


def copy_tree():
    """Brings the copy up to date, and leaves alone what is the same, so that the build is incremental."""
    wanted = git_files()
    for name in wanted:
        path, content = TREE / name, (ROOT / name).read_bytes()
        if name == "Package.swift":
            # A bug may leave a variable that is never used.
            content = content.replace(b".treatAllWarnings(as: .error)", b"")
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for top in ("Sources", "Tests"):
        for path in (TREE / top).rglob("*"):
            if path.is_file() and str(path.relative_to(TREE)) not in wanted:
                path.unlink()
    # What the tests need in addition: packages of Python's.
    if not (TREE / ".run").exists():
        (TREE / ".run").symlink_to(ROOT / ".run")


def swift(seconds, *arguments):
    """Exit code (None if it hung) and output. SWIFT is the command (default: swift)."""
    child = subprocess.Popen([*shlex.split(os.environ.get("SWIFT", "swift")), *arguments], cwd=TREE, text=True,
                             errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output = child.communicate(timeout=seconds)[0]
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return None, child.communicate()[0]
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise


def build_errors():
    code, output = swift(1800, "build", "--build-tests")
    return "\n".join(line for line in output.splitlines() if "error:" in line) or output[-4000:] if code else None


def failure(pattern):
    """The tests that failed, hung or crashed; None if all passed. A bug may make a test wait for ever."""
    code, output = swift(300, "test", "--skip-build", "--disable-xctest", "--filter", pattern)
    if code == 0:
        if "with 0 tests" in output:
            sys.exit(f"mutants: no test matches {pattern}")
        return None
    failed = re.findall(r'Test "([^"]+)"(?: with \d+ test cases?)? (?:failed|recorded an issue)', output)
    if failed:
        return "; ".join(dict.fromkeys(failed))
    ended = set(re.findall(r'Test "([^"]+)"[^\n]* (?:passed|failed)', output))
    running = [name for name in re.findall(r'Test "([^"]+)" started', output) if name not in ended]
    return f"{'hangs' if code is None else 'crashes'}: {'; '.join(running[:3]) or output[-300:]}"


def plant(mutant):
    """What catches it."""
    file = TREE / "Sources" / mutant["file"]
    original = file.read_text()
    try:
        file.write_text(original.replace(mutant["text"], mutant["replacement"]))
        if errors := build_errors():
            print(f"mutants: {mutant['name']} does not build\n{errors}", file=sys.stderr)
            return None
        return failure(mutant["tests"])
    finally:
        file.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--list", action="store_true", help="print the names; fails if a text is no longer there")
    options = parser.parse_args()
    mutants = tomllib.loads((ROOT / "scripts/mutants.toml").read_text())["mutant"]
    if unknown := set(options.names) - {mutant["name"] for mutant in mutants}:
        sys.exit(f"mutants: unknown: {', '.join(unknown)}")
    chosen = [mutant for mutant in mutants if not options.names or mutant["name"] in options.names]
    stale = 0
    for mutant in chosen:
        file = ROOT / "Sources" / mutant["file"]
        count = file.read_text().count(mutant["text"]) if file.is_file() else 0
        if count != 1:
            stale += 1
            print(f"mutants: {mutant['name']}: {file} has this text {count} times, not once:\n{mutant['text']}",
                  file=sys.stderr)
    if stale:
        sys.exit(f"mutants: {stale} are out of date")
    if options.list:
        print("\n".join(mutant["name"] for mutant in chosen))
        return

    copy_tree()
    print("mutants: building without a bug", file=sys.stderr, flush=True)
    if errors := build_errors():
        sys.exit(f"mutants: the tree does not build\n{errors}")
    if failed := failure("|".join(sorted({name for mutant in chosen for name in mutant["tests"].split("|")}))):
        sys.exit(f"mutants: without a bug fails: {failed}")
    caught = {}
    for number, mutant in enumerate(chosen, 1):
        started = time.monotonic()
        caught[mutant["name"]] = plant(mutant)
        verdict = "caught" if caught[mutant["name"]] else "SURVIVES"
        print(f"mutants: {number}/{len(chosen)} {mutant['name']}: {verdict} ({time.monotonic() - started:.0f} s)",
              file=sys.stderr, flush=True)
    width = max(map(len, caught))
    for name, tests in {"mutant": "caught by", **caught}.items():
        print(f"{name:<{width}} | {tests or 'NOTHING'}")
    if survivors := [name for name, tests in caught.items() if not tests]:
        sys.exit(f"mutants: {len(survivors)} of {len(caught)} are not caught")


if __name__ == "__main__":
    main()
