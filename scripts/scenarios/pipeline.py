"""The whole pipeline on one machine: file -> streamer -> mq-server with a durable log -> api with its memory store.

The export is read again and again for some 30 seconds, as fast as possible, each sample with a time of its own. Then
the streamer is asked to end, and the api must receive everything: the counts and digests of both ends must agree.
"""
import json
import os
import re
import time

from .common import Failure, get, wait_until

ROUNDS = 1
STAGES = {"streamer": ("read", "collect", "digest", "encode"), "mq-server": (), "api": ("decode", "digest", "insert")}


def statistics(api):
    return json.loads(get(api.port, "/api/v1/stats"))


def processor_table(bench, programs, file, seconds, published):
    """Where each microsecond goes: processor time per sample, compared with what the stages take alone."""
    stages = bench.load("ingest-bench", "stages", "--file", file)
    per_sample = 1e6 / published
    used = 0
    for name, program in programs.items():
        total = (program.usage.ru_utime + program.usage.ru_stime) * per_sample
        used += total
        known = ", ".join(f"{stage} {stages[stage] / 1000:.3f}" for stage in STAGES[name])
        kernel = program.usage.ru_stime * per_sample
        bench.row(f"processor time, {name}", f"{total:.3f} µs per sample, {kernel:.3f} in the kernel",
                  f"stages measured alone: {known}" if known else "")
    bench.row("processor time, unused", f"{seconds * os.cpu_count() * per_sample - used:.3f} µs per sample",
              f"of {os.cpu_count()} cores")


def run(bench):
    limit = bench.count(30, 7)
    file = bench.export(bench.count(100_000_000))
    with bench.mq_server("interval:100ms", LOG_LEVEL="info") as queue, \
            bench.api(queue.port, MEMORY_LIMIT="16GiB") as api:
        start = time.monotonic()
        with bench.start(bench.release / "streamer", port=0, SOURCE=file, LOOP="true", RATE="0", TIMESTAMPS="now",
                         DRAIN_TIMEOUT="60s", HTTP_PORT="", MQ_HOST="127.0.0.1", MQ_PORT=queue.port) as streamer:
            programs = {"streamer": streamer, "mq-server": queue, "api": api}
            resident = {name: [] for name in programs}
            stored = [(0.0, 0)]
            while time.monotonic() - start < limit:
                time.sleep(max(0, start + len(stored) - time.monotonic()))
                for name, program in programs.items():
                    resident[name].append(program.resident())
                stored.append((time.monotonic() - start, statistics(api)["store"]["sample_count"]))
            streamer.stop()
            line = next(line for line in streamer.log.read_text().splitlines() if " finished " in line)
            finished = dict(re.findall(r"(\w+)=(\S+)", line))
        published, digest = int(finished["published"]), finished["digest"]
        wait_until(lambda: statistics(api)["store"]["sample_count"] >= published, "the api has every sample",
                   api.process)
        seconds = time.monotonic() - start
        end = statistics(api)
        log = sum(path.stat().st_size for path in (queue.directory / "log").glob("*.log"))
        api.stop()
        queue.stop()

    rate = published / seconds
    windows = list(zip(stored[1:], stored[6:]))
    slowest = min((late[1] - early[1]) / (late[0] - early[0]) for early, late in windows)
    bench.row("rows, until the api has all of them", f"{rate / 1e6:.2f} M rows/s over {seconds:.0f} s",
              target="≥ 1 M", met=rate >= 1e6)
    bench.row("the slowest five seconds", f"{slowest / 1e6:.2f} M rows/s")
    count = end["store"]["sample_count"]
    agree = count == published and end["queue"]["digest"] == digest
    bench.row("published and stored", f"{published:,}, digest {digest}",
              f"{count:,}, digest {end['queue']['digest']}", target="equal", met=agree)
    for name in ("streamer", "mq-server"):
        early, late = resident[name][4], max(resident[name][5:])
        bench.row(f"resident, {name}", f"at most {late:.0f} MiB after 5 s", f"{early:.0f} MiB at 5 s",
                  target="flat", met=late <= 1.1 * early + 2)
    last = resident["api"][-1]
    bench.row("resident, api", f"{last:.0f} MiB at the end, {last * 2**20 / published:.0f} bytes per sample")
    bench.row("log", f"{log / published:.1f} bytes per sample")
    processor_table(bench, programs, file, seconds, published)
    if not agree:
        raise Failure("what is stored is not what was published")
    return f"{limit} s of reading."
