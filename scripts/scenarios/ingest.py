"""Reading CSV and coding batches compared with pyarrow, polars, duckdb, Python's csv, Foundation and a bare loop.

The export, repeated to some 300 MB, is read from the page cache. Each way runs in a process of its own, which measures
itself, so that starting up does not count.
"""
from .common import EXPORT, ROOT, Failure, first_line, median

ROUNDS = 5
WORKS = ["csv", "codec"]
PYTHON = ROOT / ".run/python/bin/python3"
PEERS = ["pyarrow", "polars", "duckdb", "csv"]
ROWS = (
    ("typed records, one thread", "typed",
     [("pyarrow", 2), ("bare walk", 0.6), ("polars", None), ("duckdb", None), ("csv", None)]),
    ("typed records, without prediction", "typed, no prediction", [("pyarrow", None), ("bare walk", None)]),
    ("typed records, two threads", "typed, two threads", [("typed", 1.7)]),
    ("fields as RFC 4180 defines them", "generic", [("pyarrow", 1), ("bare walk", None)]),
)


def csv(bench):
    file, small = bench.export(bench.count(300_000_000)), bench.export(bench.count(30_000_000), "tenth.csv")
    ways = {"typed": ["typed"], "typed, no prediction": ["typed-plain"], "generic": ["generic"], "bare walk": ["walk"],
            "typed, two threads": ["concurrent", "--workers", 2]}
    ways = {name: lambda words=words: bench.ingest(*words, "--file", file) for name, words in ways.items()}
    ways |= {name: lambda name=name: bench.load(
        PYTHON, "-m", "scenarios.read_csv", name, file, POLARS_MAX_THREADS="1", OMP_NUM_THREADS="1",
        PYTHONPATH=str(ROOT / "scripts")) for name in PEERS}
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
    for work, way, bars in ROWS:
        bench.compare(work, "GB/s", figures, bars, way)
    bench.notes.append(f"- one GB/s is {expected['rows'] / size * 1e3:.1f} M rows/s")
    resident = median(results["typed"], "resident_kib") / 1024
    tenth = bench.ingest("typed", "--file", small)["resident_kib"] / 1024
    bench.row("resident, typed, a file ten times the size", f"{resident:.0f} MiB", f"{tenth:.0f} MiB for a tenth",
              "≥ 0.9", tenth / resident, tenth / resident)


def codec(bench):
    works = {"columnar": ("columnar", 0), "columnar, values that vary": ("columnar", 1), "plain": ("plain", 0),
             "foundation": ("foundation", 0)}
    results = bench.interleave({name: lambda form=form, varies=varies: bench.ingest(
        "codec", "--file", EXPORT, "--ticks", bench.count(5), "--format", form, "--varies", varies)
        for name, (form, varies) in works.items()})
    plain = median(results["plain"], "bytes_per_sample")
    for name in ("columnar", "columnar, values that vary"):
        size = median(results[name], "bytes_per_sample")
        bench.row(f"{name}: size", f"{size:.1f} bytes per sample", f"plain {plain:.0f}", "≤ 12", size)
        for way, target in (("encode", 5), ("decode", 3)):
            rate = median(results[name], f"{way}d_per_second") / 1e6
            bench.row(f"{name}: {way}", f"{rate:.1f} M samples/s", target=f"≥ {target}", figure=rate)
    for way in ("encode", "decode"):
        figures = {name: [run[f"{way}d_per_second"] / 1e3 for run in results[name]] for name in ("plain", "foundation")}
        bench.compare(f"plain: {way}", "k samples/s", figures, [("foundation", 5)], "plain", 0)


def run(bench):
    print(f"bench: reads {EXPORT}")
    if bench.wants("csv"):
        csv(bench)
    if bench.wants("codec"):
        codec(bench)
    versions = [f"{name} {first_line(PYTHON, '-c', f'import {name}; print({name}.__version__)')}" for name in PEERS[:3]]
    return f"One thread unless stated otherwise. Peers: {', '.join(versions)}, {first_line(PYTHON, '--version')}."
