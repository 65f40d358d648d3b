#!/usr/bin/env python3
"""Plants one bug after the other into the queue, and shows that the tests see each.

The working tree is copied to .build/mutants, where each bug is an exact replacement of text, an incremental build and a run of
the tests that should fail. A replacement whose text is no longer there, and one that does not build, is an error: mend it here.

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

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / ".build/mutants"
SWIFT = shlex.split(os.environ.get("SWIFT", "swift"))
MQ = "Sources/TelemetryMQ/"
# A bug may make a test wait for ever.
TEST_SECONDS = 300


@dataclasses.dataclass
class Mutant:
    name: str
    # (path below Sources/TelemetryMQ or from the root, text, its replacement)
    edits: list
    # What `swift test --filter` gets.
    tests: str


def mutant(name, path, text, replacement, tests):
    return Mutant(name, [(path, text, replacement)], tests)


MUTANTS = [
    # What is acknowledged is on the device.
    mutant(
        "always: answers do not wait for the sync", "Server/Broker.swift",
        "if case .always = configuration.sync { log.directory.isDurable } else { false }",
        "false", "StorageFaultTests|DurabilityTests"),
    mutant(
        "always: the sync work syncs no file", "Log/MessageLog.swift",
        "for file in files { try file.synchronize() }", "", "StorageFaultTests"),
    mutant(
        "a file's sync makes no fdatasync", "Log/LogFile.swift",
        "guard fdatasync(descriptor) == 0 else", "guard descriptor >= 0 else", "DurabilityTests"),
    mutant(
        "names of new files are not synced", "Log/MessageLog.swift",
        "if syncsNames { try directory.synchronize() }", "", "StorageFaultTests"),
    mutant(
        "answers before the write", "Server/Broker.swift",
        "            try writeBatch()\n            publishers = stage.answerAll(held: holdsAnswersUntilSynced)\n",
        "            if false { try writeBatch() }\n"
        "            publishers = stage.answerAll(held: holdsAnswersUntilSynced)\n"
        "            for connection in publishers { connection.send() }\n"
        "            try? writeBatch()\n",
        "StorageFaultTests"),
    mutant(
        "messages are delivered before they are synced", "Server/Broker.swift",
        "if !holdsAnswersUntilSynced {\n            visible = log.end", "do {\n            visible = log.end", "DurabilityTests"),
    mutant(
        "received bytes are overwritten before they are written", "Server/BrokerConnection.swift",
        "if broker.stage.isEmpty { broker.arena.reset() }", "broker.arena.reset()", "DurabilityTests"),
    mutant(
        "a segment begun since the last sync is delivered", "Server/Delivery.swift",
        "if segment.baseOffset > broker.visible.segment { return 0 }", "", "DurabilityTests"),
    mutant(
        "what a kill left unsynced counts as synced", "Log/MessageLog.swift",
        "if directory.isDurable, !segments.isEmpty {", "if false {", "DurabilityTests"),
    mutant(
        "what a kill left unsynced is delivered before its sync", "Server/Broker.swift",
        "if holdsAnswersUntilSynced, let work = log.takeSyncWork() {", "if false, let work = log.takeSyncWork() {", "DurabilityTests"),
    # Fail stop.
    mutant(
        "appends go on after a failed write", "Log/MessageLog.swift",
        "        if case .full = refusal { return refusal }\n        return fail(error)", "        return refusal",
        "StorageFaultTests"),
    mutant(
        "appends go on after a failed sync", "Server/Broker.swift",
        "        case .failure(let error):\n            log.stopWriting(after: error)\n", "        case .failure(let error):\n",
        "StorageFaultTests"),
    mutant(
        "commits go on after a failed write", "Server/Broker.swift",
        "if let failure = log.failure { throw failure }\n        do {\n            try positions", "do {\n            try positions",
        "StorageFaultTests"),
    mutant(
        "what waits is answered although the sync failed", "Server/Broker.swift",
        "if let failure = log.failure { return refuseHeldAnswers(failure) }", "", "DurabilityTests"),
    mutant(
        "part of a failed append stays in the file", "Log/MessageLog.swift",
        "                try segment.file.truncate(to: segment.byteCount)\n", "                if false { try segment.file.truncate(to: 0) }\n",
        "DurabilityTests"),
    mutant(
        "a failed append leaves a gap in the offsets", "Log/MessageLog.swift",
        "            // Part of the batch may be in the file;",
        "            segment.grow(by: batch.count, bytes: 0, firstTimestamp: batch.lastTimestamp, lastTimestamp: batch.lastTimestamp, marks: [])\n"
        "            // Part of the batch may be in the file;",
        "StorageFaultTests"),
    mutant(
        "producers are remembered for messages that were refused", "Server/Broker.swift",
        "            log.rollBackProducers()\n", "", "StorageFaultTests|DurabilityTests"),
    mutant(
        "a full device ends the writing", "Log/LogError.swift",
        "[ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE]", "[EMFILE, ENFILE]", "StorageFaultTests|FullDeviceTests"),
    mutant(
        "a missing descriptor ends the writing", "Log/LogError.swift",
        "[ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE]", "[ENOSPC, EDQUOT, EFBIG]", "ConnectionFloodTests"),
    mutant(
        "connections take the log's descriptors", "Server/Listener.swift",
        "} else if accepted >= firstKept {", "} else if accepted == .max {", "ConnectionFloodTests"),
    # Recovery.
    mutant(
        "recovery does not check the CRC", "Log/SegmentRecovery.swift",
        "reason = Record.damage(record)\n", "reason = nil\n", "MessageLogTests"),
    mutant(
        "damage in a sealed segment is not told", "Server/Broker.swift",
        "segment.verified(marks: marks, damage: damage)", "segment.verified(marks: marks, damage: nil)", "SealedSegmentTests"),
    mutant(
        "a sealed segment is delivered unverified", "Server/Delivery.swift",
        "guard segment.isVerified else { return .unverified(segment) }", "", "SealedSegmentTests"),
    mutant(
        "a torn tail is not cut", "Log/LogRecovery.swift",
        "try segment.file.truncate(to: tail.position)\n", "", "MessageLogTests|StorageFaultTests"),
    mutant(
        "damage before a sound record is cut as a torn tail", "Log/SegmentRecovery.swift",
        "if let sound = try soundRecord(in: segment.file, from: position + 1, to: size) {",
        "if false, let sound = try soundRecord(in: segment.file, from: position + 1, to: size) {", "MessageLogTests"),
    mutant(
        "damage before the end of an index is cut as a torn tail", "Log/LogRecovery.swift",
        "guard segment.nextOffset >= durableEnd else {\n            throw", "guard segment.nextOffset >= 0 else {\n            throw",
        "SealedSegmentTests"),
    mutant(
        "an index file is taken without its check", "Log/IndexFile.swift",
        "guard Checksum.damage(bytes) == nil else { return nil }", "", "SealedSegmentTests|DamagedFileTests"),
    mutant(
        "the producers' snapshot is taken without its check", "Log/ProducerFile.swift",
        "guard Checksum.damage(bytes) == nil else { return nil }", "", "SealedSegmentTests|DamagedFileTests"),
    mutant(
        "positions are read without their check", "Log/PositionJournal.swift",
        "guard Checksum.damage(line) == nil else { return nil }", "", "DamagedFileTests"),
    mutant(
        "positions behind a broken line do not count", "Log/PositionJournal.swift",
        "                broken = (broken.count + 1, broken.count == 0 ? start : broken.first)\n",
        "                broken = (1, start)\n                break\n", "DamagedFileTests"),
    mutant(
        "the journal is renamed before it is synced", "Log/PositionJournal.swift",
        "        try new.synchronize()\n", "", "DurabilityTests"),
    mutant(
        "a search by time skips a damaged record", "Log/Segment.swift",
        "guard Record.damage(record) == nil, let header = Record.header(record), header.timestamp < timestamp else { break }",
        "if let header = Record.header(record), header.timestamp >= timestamp { break }", "FlippedBitTests"),
    # Idempotence.
    mutant(
        "no dedupe of producer and sequence", "Log/ProducerTable.swift",
        "if sequence > producer.lastSequence { return .new }", "if sequence >= 0 { return .new }", "ServerTests"),
    mutant(
        "producers are not restored from the records", "Log/LogRecovery.swift",
        "            producers.stored(producers.producer(id), sequence: sequence, offset: header.offset)\n", "",
        "ServerTests|MessageLogTests"),
    mutant(
        "producers are not restored from the snapshot", "Log/LogRecovery.swift",
        "            producers = table\n", "", "SealedSegmentTests"),
    # Retention, subscriptions, requests.
    mutant(
        "retention drops the active segment", "Log/MessageLog.swift",
        "while segments.count > 1, isDue(segments[0])", "while segments.count > 0, isDue(segments[0])", "MessageLogTests"),
    mutant(
        "retention by bytes goes below its limit", "Log/MessageLog.swift",
        "guard total - oldest.byteCount >= limit else", "guard total >= limit else", "MessageLogTests"),
    mutant(
        "a superseded subscriber is kept", "Server/Broker.swift",
        "older.supersede(by: connection.peer)", "_ = older", "ServerTests"),
    mutant(
        "an answer is put into the middle of a message", "Server/BrokerConnection.swift",
        "            if delivery?.isAtBoundary ?? true {\n                if endsDelivery", "            do {\n                if endsDelivery",
        "ServerTests"),
    mutant(
        "a fallen-behind subscriber is not told", "Server/Delivery.swift",
        "if found.baseOffset != expected { return .fellBehind(from: expected, to: found.baseOffset) }", "", "DurabilityTests"),
    mutant(
        "the JSON of a payload is not checked", "Protocol/PublishFrame.swift",
        "guard let end = Self.scanValue(frame, at + 10) else { return nil }", "let end = frame.count - 1", "ServerTests"),
    mutant(
        "UTF-8 of a payload is not checked", "Sources/TelemetryNet/JSON/JSONScanner.swift",
        """guard second >= lowest, second <= highest else { throw error("not UTF-8") }""", "", "JSONTests"),
    mutant(
        "a token's prefix is accepted", "Sources/TelemetryNet/Text/ConstantTime.swift",
        "given.count == expected.count ? 0 : 1", "given.count <= expected.count ? 0 : 1", "ServerTests"),
    mutant(
        "requests are served without the token", "Server/RequestHandler.swift",
        "guard connection.isAuthorized || request.kind == .hello else", "guard true else", "ServerTests"),
    mutant(
        "a client that answers no ping is kept", "Server/BrokerConnection.swift",
        "} else if silence > keepalive * 2 {", "} else if silence > keepalive * 2000 {", "HalfOpenTests"),
    mutant(
        "a client is given up without a ping", "Server/BrokerConnection.swift",
        "                output.appendPing()\n", "", "HalfOpenTests"),
    mutant(
        "a client does not notice a silent server", "Client/Link.swift",
        "if isReading, loop.now - lastHeard > interval * 2 {", "if isReading, loop.now - lastHeard > interval * 2000 {",
        "HalfOpenTests|ClientFaultTests"),
    mutant(
        "a clock that is set back disorders the times", "Server/Broker.swift",
        "return max(Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000, log.lastTimestamp)",
        "return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000", "ClockTests"),
]


def source(path):
    return path if path.startswith("Sources/") else MQ + path


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
        for path, text, _ in each.edits:
            found = (ROOT / source(path)).read_text().count(text) if (ROOT / source(path)).is_file() else 0
            if found != 1:
                problems.append(f"{each.name}: {source(path)} has this text {found} times, not once:\n{text}")
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
    unknown = set(options.names) - {each.name for each in MUTANTS}
    if unknown:
        sys.exit(f"mutants: not known: {', '.join(unknown)}")
    chosen = [each for each in MUTANTS if not options.names or each.name in options.names]
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
        originals = {}
        try:
            for path, text, replacement in each.edits:
                file = TREE / source(path)
                content = file.read_text()
                originals.setdefault(file, content)
                file.write_text(content.replace(text, replacement))
            if output := build():
                errors = "\n".join(line for line in output.splitlines() if "error:" in line)
                caught, verdict = None, f"DOES NOT BUILD\n{errors}"
            else:
                caught = test(each.tests)
                verdict = "caught" if caught else "SURVIVES"
        finally:
            for file, content in originals.items():
                file.write_text(content)
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
