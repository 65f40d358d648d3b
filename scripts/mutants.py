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
# As in test.sh.
os.environ["SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH"] = "8"


def copy_tree():
    """Brings the copy up to date, and leaves alone what is the same, so that the build is incremental."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True, text=True)
    wanted = {TREE / name: ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for path, source in wanted.items():
        # A bug may leave a variable that is never used.
        content = source.read_bytes().replace(b".treatAllWarnings(as: .error)", b"")
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in [*TREE.glob("Sources/**/*"), *TREE.glob("Tests/**/*")]:
        if path.is_file() and path not in wanted:
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


def build():
    """Whether it builds."""
    code, output = swift(1800, "build", "--build-tests")
    if code != 0:
        print("\n".join(re.findall(".*error:.*", output)) or output[-4000:], file=sys.stderr)
    return code == 0


def failure(pattern):
    """The tests that failed, hung or crashed; None if all passed. A bug may make a test wait for ever."""
    code, output = swift(300, "test", "--skip-build", "--disable-xctest", "--filter", pattern)
    if "with 0 tests" in output:
        sys.exit(f"mutants: no test matches {pattern}")
    if code == 0:
        return None
    if failed := re.findall(r'Test "([^"]+)"(?: with \d+ test cases?)? (?:failed|recorded an issue)', output):
        return "; ".join(dict.fromkeys(failed))
    ended = set(re.findall(r'Test "([^"]+)"[^\n]* passed', output))
    running = [name for name in re.findall(r'Test "([^"]+)" started', output) if name not in ended]
    return f"{'hangs' if code is None else 'crashes'}: {'; '.join(running[:3]) or output[-300:]}"


def plant(mutant):
    """What catches it."""
    file = TREE / "Sources" / mutant["file"]
    original = file.read_text()
    try:
        file.write_text(original.replace(mutant["text"], mutant["replacement"]))
        return failure(mutant["tests"]) if build() else None
    finally:
        file.write_text(original)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--list", action="store_true", help="print the names; fails if a text is no longer there")
    options = parser.parse_args()
    mutants = {each["name"]: each for each in tomllib.loads((ROOT / "scripts/mutants.toml").read_text())["mutant"]}
    if unknown := set(options.names) - set(mutants):
        sys.exit(f"mutants: unknown: {', '.join(unknown)}")
    chosen = [mutants[name] for name in options.names] or list(mutants.values())
    stale = []
    for mutant in chosen:
        file = ROOT / "Sources" / mutant["file"]
        if (count := file.read_text().count(mutant["text"]) if file.is_file() else 0) != 1:
            stale.append(f"mutants: {mutant['name']}: {file} has this text {count} times, not once:\n{mutant['text']}")
    if stale:
        sys.exit("\n".join([*stale, f"mutants: {len(stale)} are out of date"]))
    if options.list:
        return print("\n".join(mutant["name"] for mutant in chosen))

    copy_tree()
    print("mutants: building without a bug", flush=True)
    if not build():
        sys.exit("mutants: the tree does not build")
    if failed := failure("|".join(sorted({name for mutant in chosen for name in mutant["tests"].split("|")}))):
        sys.exit(f"mutants: without a bug fails: {failed}")
    survivors = 0
    for number, mutant in enumerate(chosen, 1):
        started = time.monotonic()
        caught = plant(mutant)
        survivors += not caught
        print(f"mutants: {number}/{len(chosen)} ({time.monotonic() - started:.0f} s) {mutant['name']}:",
              f"caught by {caught}" if caught else "NOT CAUGHT", flush=True)
    if survivors:
        sys.exit(f"mutants: {survivors} of {len(chosen)} are not caught")


if __name__ == "__main__":
    main()
