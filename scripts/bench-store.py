#!/usr/bin/env python3
"""Measures the memory store: samples inserted a second by one thread, bytes a sample, and how long questions take with ten million samples.

The samples are those of a made-up fleet (Tests/Benchmarks/Support/Fleet.swift): 247 GPUs with 10 metrics each, one sample a second, with
three kinds of jitter in the times. Rounds are interleaved; medians are written down. The last table is kept in Docs/Benchmarks.md.
"""
import argparse
import statistics

from benchmarks import document, load, today, verdict

JITTERS = {"none": "at the tick", "scrape": "± 300 µs a scrape", "sample": "± 300 µs a sample"}
QUESTIONS = [
    ("latest", "latest value of one metric, 247 GPUs", 2), ("latest_all", "latest value of all metrics, 2,470 series", 2),
    ("series_hour", "one hour of one series, 3,600 samples", 2), ("avg", "avg by minute, 247 GPUs, one hour", 20),
    ("min", "min by minute", 20), ("max", "max by minute", 20), ("p95", "p95 by minute", 20),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=200, help="how often each question is asked in a round")
    parser.add_argument("--rate", type=int, default=1_000_000, help="samples a second that are written beside the questions")
    arguments = parser.parse_args()
    results = {jitter: [] for jitter in JITTERS}
    for _ in range(arguments.rounds):
        for jitter, runs in results.items():
            runs.append(load("ingest-bench", "store", "--jitter", jitter, "--samples", arguments.samples, "--repeats", arguments.repeats,
                             "--rate", arguments.rate))

    rows = []

    def median(jitter, member):
        return statistics.median(run[member] for run in results[jitter])

    def row(work, times, figure, bar="", met=""):
        rows.append([work, times, figure, bar, met])
        print("  ".join(rows[-1]), flush=True)

    for jitter, name in JITTERS.items():
        rate = median(jitter, "inserted_per_second")
        row("insert, one thread", name, f"{rate / 1e6:.1f} M samples/s", "≥ 3", verdict(rate, 3e6))
    for jitter, name in JITTERS.items():
        counted, grown = median(jitter, "bytes_per_sample"), median(jitter, "resident_per_sample")
        row("memory", name, f"{counted:.2f} bytes a sample as the store counts, the process grows by {grown:.2f}", "≤ 3", verdict(3, max(counted, grown)))
    # As a scraper stamps them; the other two only differ in what times cost to read.
    for member, name, bar in QUESTIONS:
        for beside, writing in (("", ""), ("_writing", f", {median('scrape', 'written_per_second') / 1e6:.1f} M samples/s written meanwhile")):
            half, most = median("scrape", f"{member}{beside}_p50"), median("scrape", f"{member}{beside}_p99")
            # The bars are of the questions alone: beside a writer both processors are taken.
            bars = ("", "") if beside else (f"p99 < {bar}", verdict(bar, most))
            row(name + writing, JITTERS["scrape"], f"p50 {half:.2f} ms, p99 {most:.2f} ms", *bars)
    notes = ["From the slowest to the fastest round, M samples/s inserted: " + ", ".join(
        f"{name} {min(run['inserted_per_second'] for run in results[jitter]) / 1e6:.1f}…{max(run['inserted_per_second'] for run in results[jitter]) / 1e6:.1f}"
        for jitter, name in JITTERS.items()) + "."]
    document(f"{today()}. Medians of {arguments.rounds} interleaved rounds, {arguments.samples:,} samples.", ["work", "times", "figure", "bar", ""], rows, notes)


main()
