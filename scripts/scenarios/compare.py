"""The release builds of two checkouts, one after the other in every round: `--before DIR --after DIR`.

Prints the speed after divided by the speed before, of the medians and of the best rounds. The load comes from the build
before. Nothing is written to Docs; the exit status is 1 if a row is slower than `--limit` by both ratios.
"""
import pathlib
import resource

from .common import EXPORT, Failure, free_port, median
from .http import wrk
from .mq import mq_bench

ROUNDS = 5
WORKS = ["publish", "replay", "CSV", "codec", "store", "GET"]


def publish(bench, connections, count, size=200):
    with bench.mq_server() as server:
        result = mq_bench(bench, "publish", "mq", server.port, size, count=count, connections=connections,
                          window=4096 // connections, per_frame=1, identified=0)
        return {"time": result["seconds"], "server's processor time": server.processor_seconds()}


def replay(bench, subscribers, count):
    with bench.mq_server() as server:
        mq_bench(bench, "publish", "mq", server.port, 200, count=count, window=4096)
        before = server.processor_seconds()
        result = mq_bench(bench, "replay", "mq", server.port, 200, count=count, subscribers=subscribers,
                          log_bytes=count * 200)
        return {"time": result["seconds"], "server's processor time": server.processor_seconds() - before}


def ingest(bench, *words):
    """What the program reports as times, and its rates as times per item."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = bench.ingest(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {name: result[name] for name in ("seconds", "latest_p50", "series_hour_p50", "avg_p50", "p95_p50")
               if name in result}
    figures |= {name: 1 / result[name] for name in result if name in (
        "encoded_per_second", "decoded_per_second", "inserted_per_second")}
    return figures | {"processor time": after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime}


def health(bench):
    http = free_port()
    with bench.mq_server(http_port=http) as server:
        rate, _ = wrk(http, "/health", bench.count(2), connections=16)
        return {"time per request": 1 / rate, "server's processor time": server.processor_seconds() / rate}


def rows(bench):
    million = bench.count(1_500_000, 1000)
    csv = bench.export(bench.count(240_000_000)) if bench.wants("CSV") else None
    yield "publish 200 B, 1 connection", lambda: publish(bench, 1, million)
    yield "publish 200 B, 16 connections", lambda: publish(bench, 16, million)
    yield "publish 16 KiB", lambda: publish(bench, 1, bench.count(60_000, 1000), 16384)
    for subscribers in (1, 4):
        yield f"replay 200 B to {subscribers}", lambda: replay(bench, subscribers, million)
    for way in ("walk", "typed", "typed-plain", "generic"):
        yield f"CSV {way}", lambda: ingest(bench, way, "--file", csv)
    for form, ticks in (("columnar", 40), ("plain", 10)):
        yield f"codec {form}", lambda: ingest(
            bench, "codec", "--file", EXPORT, "--ticks", bench.count(ticks), "--format", form, "--varies", 1)
    yield "store insert", lambda: ingest(
        bench, "store", "--samples", 10_000_000, "--jitter", "scrape", "--repeats", bench.count(20))
    yield "GET /health, 16 connections", lambda: health(bench)


def run(bench):
    builds = {name: pathlib.Path(getattr(bench.options, name) or "") for name in ("before", "after")}
    for name, path in builds.items():
        builds[name] = path if (path / "mq-server").exists() else path / ".build/release"
        if not (builds[name] / "mq-server").exists():
            raise Failure(f"--{name} {path}: needs a release build, as swift build -c release makes it")
    bench.generator, slow = builds["before"], []

    def at(build, measure):
        bench.release = build
        return measure()

    for work, measure in rows(bench):
        if not bench.wants(work.split()[0]):
            continue
        results = bench.interleave({name: lambda build=build: at(build, measure) for name, build in builds.items()})
        before, after = results.values()
        for figure in before[0]:
            if min(run[figure] for run in before + after) > 0:
                by_median = median(before, figure) / median(after, figure)
                by_best = min(run[figure] for run in before) / min(run[figure] for run in after)
                if is_slow := max(by_median, by_best) < bench.options.limit:
                    slow.append(f"{work}, {figure}")
                mark = "  slower" if is_slow else ""
                print(f"{work:30} {figure:24} median {by_median:.2f}  best {by_best:.2f}{mark}", flush=True)
    if slow:
        raise Failure(f"slower than {bench.options.limit}: {'; '.join(slow)}")
