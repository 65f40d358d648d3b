"""Reading CSV and coding batches compared with pyarrow, polars, duckdb, Python's csv, Foundation and a bare loop.

The export, repeated to some 300 MB, is read from the page cache. Each way runs in a process of its own, which measures
itself, so that starting up does not count.
"""
import json
import os
import statistics
import subprocess
import sys

from .common import EXPORT, ROOT, Failure, version

ROUNDS = 5
PYTHON = next((str(path) for path in [ROOT / ".run/python/bin/python3"] if path.exists()), sys.executable)
WORKS = ["csv", "codec"]
PEERS = ["pyarrow", "polars", "duckdb", "csv"]


def peer(name, path):
    """Reads the file with a package of Python's, in a process of its own."""
    result = subprocess.run(
        [PYTHON, "-m", "scenarios.read_csv", name, str(path)], capture_output=True, text=True, timeout=600,
        cwd=ROOT / "scripts", env={**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"})
    if result.returncode:
        raise Failure(f"{name}: {result.stderr}")
    return json.loads(result.stdout)


def available(bench, name):
    found = subprocess.run([PYTHON, "-c", f"import {name}"], capture_output=True).returncode == 0
    bench.absent += [] if found else [name]
    return found


def csv(bench):
    file, small = bench.export(bench.count(300_000_000)), bench.export(bench.count(30_000_000), "tenth.csv")

    def own(*words):
        return lambda: bench.load("ingest-bench", *words, "--file", file)

    ways = {"typed": own("typed"), "typed, no prediction": own("typed-plain"),
            "typed, two threads": own("concurrent", "--workers", 2), "generic": own("generic"),
            "bare walk": own("walk")}
    ways |= {name: lambda name=name: peer(name, file) for name in PEERS if available(bench, name)}
    for way in ways.values():
        way()
    results = bench.interleave(ways)
    expected = results["typed"][0]
    for name, runs in results.items():
        for run in runs:
            is_same = name == "bare walk" or abs(run["sum"] / expected["sum"] - 1) < 1e-9
            if run["rows"] != expected["rows"] or not is_same:
                raise Failure(f"{name} read {run['rows']} rows with the sum {run['sum']}, typed {expected}")
    size = file.stat().st_size
    figures = {name: [size / run["seconds"] / 1e9 for run in runs] for name, runs in results.items()}
    for work, way, bars in (
        ("typed records, one thread", "typed",
         [("pyarrow", 2), ("bare walk", 0.6), ("polars", None), ("duckdb", None), ("csv", None)]),
        ("typed records, without prediction", "typed, no prediction", [("pyarrow", None), ("bare walk", None)]),
        ("typed records, two threads", "typed, two threads", [("typed", 1.7)]),
        ("fields as RFC 4180 defines them", "generic", [("pyarrow", 1), ("bare walk", None)]),
    ):
        bench.compare(work, "GB/s", figures, bars, way)
    rows = expected["rows"] / size * 1e3
    bench.notes.append(f"- one GB/s is {rows:.1f} M rows/s")

    resident = statistics.median(run["resident_kib"] for run in results["typed"]) / 1024
    tenth = bench.load("ingest-bench", "typed", "--file", small)["resident_kib"] / 1024
    bench.row("resident, typed, a file ten times the size", f"{resident:.0f} MiB", f"{tenth:.0f} MiB for a tenth",
              tenth / resident, "≥ 0.9", tenth / resident >= 0.9)


def codec(bench):
    works = {"columnar": ("columnar", 0), "columnar, values that vary": ("columnar", 1), "plain": ("plain", 0),
             "foundation": ("foundation", 0)}
    results = bench.interleave({
        name: lambda form=form, varies=varies: bench.load(
            "ingest-bench", "codec", "--file", EXPORT, "--ticks", bench.count(5), "--format", form, "--varies", varies)
        for name, (form, varies) in works.items()})

    def median(name, member):
        return statistics.median(run[member] for run in results[name])

    for name in ("columnar", "columnar, values that vary"):
        size = median(name, "bytes_per_sample")
        bench.row(f"{name}: size", f"{size:.1f} bytes per sample", f"plain {median('plain', 'bytes_per_sample'):.0f}",
                  target="≤ 12", met=size <= 12)
        for way, member, target in (("encode", "encoded_per_second", 5), ("decode", "decoded_per_second", 3)):
            rate = median(name, member) / 1e6
            bench.row(f"{name}: {way}", f"{rate:.1f} M samples/s", target=f"≥ {target}", met=rate >= target)
    for way, member in (("encode", "encoded_per_second"), ("decode", "decoded_per_second")):
        figures = {name: [run[member] / 1e3 for run in results[name]] for name in ("plain", "foundation")}
        bench.compare(f"plain: {way}", "k samples/s", figures, [("foundation", 5)], "plain", 0)


def run(bench):
    print(f"bench: reads {EXPORT}")
    if bench.wants("csv"):
        csv(bench)
    if bench.wants("codec"):
        codec(bench)
    listed = subprocess.run([PYTHON, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True).stdout
    peers = [line.replace("==", " ") for line in listed.split() if line.split("==")[0] in PEERS]
    return f"One thread unless stated otherwise. Peers: {', '.join(peers)}, {version(sys.executable, '--version')}."
