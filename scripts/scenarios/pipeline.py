"""The whole pipeline on one machine: file -> streamer -> mq-server with a durable log -> api with its memory store.

The export is read again and again for some 30 seconds, as fast as possible, each sample with a time of its own. Then
the streamer is asked to end, and the api must receive everything: the counts and digests of both ends must agree.
"""
import os
import time

from .common import Failure, api_statistics, finished, wait_for_samples

ROUNDS = 1
STAGES = {"streamer": ("read", "collect", "digest", "encode"), "mq-server": (), "api": ("decode", "digest", "insert")}


def processor_table(bench, programs, file, seconds, published):
    """Where each microsecond goes: processor time per sample, compared with what the stages take alone."""
    stages, unused = bench.ingest("stages", "--file", file), seconds * os.cpu_count()
    for name, program in programs.items():
        user, kernel = program.usage.ru_utime, program.usage.ru_stime
        unused -= user + kernel
        known = ", ".join(f"{stage} {stages[stage] / 1000:.3f}" for stage in STAGES[name])
        bench.row(f"processor time, {name}", f"{(user + kernel) * 1e6 / published:.3f} µs per sample,"
                  f" {kernel * 1e6 / published:.3f} in the kernel", known and f"stages measured alone: {known}")
    bench.row("processor time, unused", f"{unused * 1e6 / published:.3f} µs per sample", f"of {os.cpu_count()} cores")


def run(bench):
    limit, file = bench.count(30, 7), bench.export(bench.count(100_000_000))
    with bench.mq_server("interval:100ms") as queue, bench.api(queue, MEMORY_LIMIT="16GiB") as api:
        start = time.monotonic()
        with bench.streamer(file, queue, "true") as streamer:
            programs = {"streamer": streamer, "mq-server": queue, "api": api}
            resident, stored = {name: [] for name in programs}, [(0.0, 0)]
            while time.monotonic() - start < limit:
                time.sleep(max(0, start + len(stored) - time.monotonic()))
                for name, program in programs.items():
                    resident[name].append(program.resident())
                stored.append((time.monotonic() - start, api_statistics(api)["store"]["sample_count"]))
            streamer.stop()
            sent = finished(streamer.log.read_text())
        wait_for_samples(api, published := sent["published"])
        seconds, end = time.monotonic() - start, api_statistics(api)
        log = sum(path.stat().st_size for path in (queue.directory / "log").glob("*.log"))
        api.stop()
        queue.stop()

    rate = published / seconds / 1e6
    bench.row("rows, until the api has all of them", f"{rate:.2f} M rows/s over {seconds:.0f} s", "", "≥ 1 M", rate)
    slowest = min((late[1] - early[1]) / (late[0] - early[0]) for early, late in zip(stored[1:], stored[6:]))
    bench.row("the slowest five seconds", f"{slowest / 1e6:.2f} M rows/s")
    count, digest = end["store"]["sample_count"], end["queue"]["digest"]
    agree = (count, digest) == (published, sent["digest"])
    bench.row("published and stored", f"{published:,}, digest {sent['digest']}", f"{count:,}, digest {digest}", "equal",
              agree)
    for name in ("streamer", "mq-server"):
        early, late = resident[name][4], max(resident[name][5:])
        bench.row(f"resident, {name}", f"at most {late:.0f} MiB after 5 s", f"{early:.0f} MiB at 5 s", "flat",
                  late <= 1.1 * early + 2)
    last = resident["api"][-1]
    bench.row("resident, api", f"{last:.0f} MiB at the end, {last * 2**20 / published:.0f} bytes per sample")
    bench.row("log", f"{log / published:.1f} bytes per sample")
    processor_table(bench, programs, file, seconds, published)
    if not agree:
        raise Failure("what is stored is not what was published")
    return f"{limit} s of reading."
