"""The memory store: samples inserted per second, bytes per sample, and the time of queries on ten million samples.

The samples are those of a made-up fleet (Tests/Benchmarks/Support/Fleet.swift): 247 GPUs with 10 metrics each, one
sample per second, with three kinds of jitter in the times.
"""
from .common import median

ROUNDS = 3
JITTERS = {"none": "times without jitter", "scrape": "± 300 µs per scrape", "sample": "± 300 µs per sample"}
QUERIES = [
    ("latest", "latest value of one metric, 247 GPUs", 2),
    ("latest_all", "latest value of all metrics, 2,470 series", 2),
    ("series_hour", "one hour of one series, 3,600 samples", 2), ("avg", "avg by minute, 247 GPUs, one hour", 20),
    ("min", "min by minute", 20), ("max", "max by minute", 20), ("p95", "p95 by minute", 20),
]
# An hour of all series has to be in the store.
SAMPLES = 10_000_000


def run(bench):
    results = bench.interleave({
        jitter: lambda jitter=jitter: bench.ingest("store", "--jitter", jitter, "--samples", SAMPLES, "--repeats",
                                                   bench.count(200), "--rate", 1_000_000) for jitter in JITTERS})
    for jitter, name in JITTERS.items():
        rate = median(results[jitter], "inserted_per_second") / 1e6
        bench.row(f"insert, one thread, {name}", f"{rate:.1f} M samples/s", target="≥ 3", figure=rate)
    for jitter, name in JITTERS.items():
        counted, grown = (median(results[jitter], f"{kind}_per_sample") for kind in ("bytes", "resident"))
        bench.row(f"memory, {name}", f"{counted:.2f} bytes per sample as the store counts",
                  f"{grown:.2f} by which the process grows", "≤ 3", max(counted, grown))
    # With the times of a scraper; the other kinds differ only in the cost of reading times. The targets are those of
    # queries alone: with a writer both processors are busy.
    runs = results["scrape"]
    written = median(runs, "written_per_second") / 1e6
    for member, name, limit in QUERIES:
        alone, writing = (f"p50 {median(runs, kind + '_p50'):.2f} ms, p99 {median(runs, kind + '_p99'):.2f} ms"
                          for kind in (member, f"{member}_writing"))
        bench.row(name, alone, f"{writing} while {written:.1f} M samples/s are written", f"p99 < {limit} ms",
                  median(runs, f"{member}_p99"))
    inserted = {name: [run["inserted_per_second"] / 1e6 for run in results[jitter]] for jitter, name in JITTERS.items()}
    bench.compare("insert", "M samples/s", inserted, [], JITTERS["none"], 1)
    return f"{SAMPLES:,} samples."
