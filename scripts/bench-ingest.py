#!/usr/bin/env python3
"""Measures reading CSV and coding batches side by side with pyarrow, polars, duckdb, Python's csv, Foundation's coders and a bare loop.

The real export, repeated to some 300 MB, is read from the page cache. Rounds are interleaved, so that a slow minute of the machine
meets every way; medians are compared. Each way runs in a process of its own, which measures itself, so that starting up does not
count. The last table is kept in Docs/Benchmarks.md.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import EXPORT, PYTHON, RELEASE, ROOT, document, load, repeat, settle, today, verdict



def warmed(read):
    """Reads twice, so that what a first call sets up does not count; returns the last result and its seconds."""
    read()
    start = time.perf_counter()
    result = read()
    return result, time.perf_counter() - start


def read_pyarrow(path):
    import pyarrow
    from pyarrow import compute, csv

    # Of the ways to say which types there are the fastest: dictionaries take longer, and so does guessing.
    with open(path) as file:
        names = file.readline().strip().split(",")
    types = {name: pyarrow.string() for name in names} | {"value": pyarrow.float64(), "timestamp": pyarrow.timestamp("ns", tz="UTC")}
    table, seconds = warmed(lambda: csv.read_csv(
        path, read_options=csv.ReadOptions(use_threads=False), convert_options=csv.ConvertOptions(column_types=types)))
    return table.num_rows, float(compute.sum(table["value"]).as_py()), seconds


def read_polars(path):
    import polars

    frame, seconds = warmed(lambda: polars.read_csv(path, schema_overrides={"value": polars.Float64}))
    return frame.height, frame["value"].sum(), seconds


def read_duckdb(path):
    import duckdb

    database = duckdb.connect()
    database.execute("SET threads = 1")
    _, seconds = warmed(lambda: database.execute(f"CREATE OR REPLACE TABLE samples AS SELECT * FROM read_csv('{path}')"))
    return *database.execute("SELECT count(*), sum(value::DOUBLE) FROM samples").fetchone(), seconds


def read_csv(path):
    import csv

    start = time.perf_counter()
    rows, total = 0, 0.0
    with open(path, newline="") as file:
        reader = csv.reader(file)
        value = next(reader).index("value")
        for row in reader:
            rows += 1
            total += float(row[value])
    return rows, total, time.perf_counter() - start


PEERS = {"pyarrow": read_pyarrow, "polars": read_polars, "duckdb": read_duckdb, "csv": read_csv}


def peer(name, path):
    """Reads the file in a process of its own."""
    result = subprocess.run(
        [PYTHON, __file__, "--peer", name, "--file", str(path)], capture_output=True, text=True, timeout=600,
        env={**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"})
    if result.returncode:
        sys.exit(f"bench-ingest: {name}: {result.stderr}")
    return json.loads(result.stdout)


def allocations(directory, path):
    library = directory / "count-allocations.so"
    if not library.exists():
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "scripts/count-allocations.c"], check=True)
    result = subprocess.run(
        [RELEASE / "ingest-bench", "typed", "--file", path], env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True,
        check=True)
    return int(result.stderr.split()[-1]), int(json.loads(result.stdout)["rows"])


class Bench:
    def __init__(self, directory, rounds):
        self.directory = directory
        self.rounds = rounds
        self.rows = []
        self.notes = []

    def row(self, work, figure, beside, ratio=None, bar=None):
        self.rows.append([
            work, figure, beside, "" if ratio is None else f"{ratio:.2f}", "" if bar is None else f"≥ {bar}",
            "" if bar is None else verdict(ratio, bar)])
        print("  ".join(self.rows[-1]), flush=True)

    def csv(self, file, small):
        ways = {
            "typed": lambda: load("ingest-bench", "typed", "--file", file),
            "typed, no prediction": lambda: load("ingest-bench", "typed-plain", "--file", file),
            "typed, two threads": lambda: load("ingest-bench", "concurrent", "--workers", 2, "--file", file),
            "generic": lambda: load("ingest-bench", "generic", "--file", file),
            "bare walk": lambda: load("ingest-bench", "walk", "--file", file),
            **{name: (lambda name=name: peer(name, file)) for name in PEERS},
        }
        results = {name: [] for name in ways}
        for name in ways:
            ways[name]()
        for _ in range(self.rounds):
            for name, way in ways.items():
                settle()
                results[name].append(way())
        size = file.stat().st_size
        expected = results["typed"][0]
        for name, runs in results.items():
            for run in runs:
                if run["rows"] != expected["rows"] or (name != "bare walk" and abs(run["sum"] / expected["sum"] - 1) > 1e-9):
                    sys.exit(f"bench-ingest: {name} read {run['rows']} rows with the sum {run['sum']}, typed {expected['rows']}, {expected['sum']}")
        speeds = {name: [size / run["seconds"] / 1e9 for run in runs] for name, runs in results.items()}
        rate = {name: statistics.median(values) for name, values in speeds.items()}
        million = expected["rows"] / size * 1e3

        def figure(name):
            return f"{rate[name]:.2f} GB/s ({rate[name] * million:.1f} M rows/s)"

        def beside(work, way, others):
            for other, bar in others:
                self.row(work, figure(way), f"{other} {rate[other]:.2f}", rate[way] / rate[other], bar)

        beside("typed records, one thread", "typed", [("pyarrow", 2), ("bare walk", 0.6), ("polars", None), ("duckdb", None), ("csv", None)])
        beside("typed records, each row taken apart", "typed, no prediction", [("pyarrow", None), ("bare walk", None)])
        beside("typed records, two threads", "typed, two threads", [("typed", 1.7)])
        beside("fields as RFC 4180 has them", "generic", [("pyarrow", 1), ("bare walk", None)])
        self.notes += [f"- {name}: {min(values):.2f}…{max(values):.2f} GB/s" for name, values in speeds.items()]

        resident = {name: statistics.median(run["resident_kib"] for run in results[name]) / 1024 for name in results if name in ways and "resident_kib" in results[name][0]}
        tenth = load("ingest-bench", "typed", "--file", small)["resident_kib"] / 1024
        self.row("resident, typed, a file ten times the size", f"{resident['typed']:.0f} MiB", f"{tenth:.0f} MiB of a tenth", tenth / resident["typed"], 0.9)
        (many, rows), (few, fewer) = allocations(self.directory, file), allocations(self.directory, small)
        self.row("allocations a row, when all series are known", f"{(many - few) / (rows - fewer):.5f}", f"{few} for the first {fewer:,} rows")

    def codec(self, export):
        works = [
            ("columnar", "columnar", 0), ("columnar, values that vary", "columnar", 1), ("plain", "plain", 0), ("foundation", "foundation", 0)]
        results = {name: [] for name, _, _ in works}
        for _ in range(self.rounds):
            for name, form, varies in works:
                settle()
                results[name].append(load("ingest-bench", "codec", "--file", export, "--ticks", 5, "--format", form, "--varies", varies))

        def median(name, member):
            return statistics.median(run[member] for run in results[name])

        for name in ("columnar", "columnar, values that vary"):
            size = median(name, "bytes_per_sample")
            self.row(f"{name}: size", f"{size:.1f} bytes a sample", f"12, and plain {median('plain', 'bytes_per_sample'):.0f}", 12 / size, 1)
            self.row(f"{name}: encode", f"{median(name, 'encoded_per_second') / 1e6:.1f} M samples/s", "5", median(name, "encoded_per_second") / 5e6, 1)
            self.row(f"{name}: decode", f"{median(name, 'decoded_per_second') / 1e6:.1f} M samples/s", "3", median(name, "decoded_per_second") / 3e6, 1)
        for way, member in (("encode", "encoded_per_second"), ("decode", "decoded_per_second")):
            mine, theirs = median("plain", member), median("foundation", member)
            self.row(f"plain: {way}", f"{mine / 1e3:.0f} k samples/s", f"Foundation {theirs / 1e3:.0f}", mine / theirs, 5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", choices=["csv", "codec", []], help="only these; the document is written after a run of all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        rows, total, seconds = PEERS[arguments.peer](arguments.file)
        print(json.dumps({"rows": rows, "sum": total, "seconds": seconds}))
        return
    print(f"bench-ingest: reads {EXPORT}")
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as directory:
        directory = pathlib.Path(directory)
        file, small = directory / "export.csv", directory / "tenth.csv"
        repeat(EXPORT, file, arguments.megabytes * 1_000_000)
        repeat(EXPORT, small, arguments.megabytes * 100_000)
        bench = Bench(directory, arguments.rounds)
        if not arguments.works or "csv" in arguments.works:
            bench.csv(file, small)
        if not arguments.works or "codec" in arguments.works:
            bench.codec(EXPORT)
    if not arguments.works:
        packages = subprocess.run([PYTHON, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True).stdout.split()
        named = ", ".join(line.replace("==", " ") for line in packages if line.split("==")[0] in PEERS)
        document(
            f"{today()}. Medians of {bench.rounds} interleaved rounds, one thread unless it says so. Peers: {named}, Python {sys.version.split()[0]}.",
            ["work", "figure", "beside", "ratio", "bar", ""], bench.rows, ["From the slowest to the fastest round:", ""] + bench.notes)


main()
