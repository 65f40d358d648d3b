#!/usr/bin/env python3
"""Measures the project: `scripts/bench.py SCENARIO [WORK ...]`.

Servers run on loopback in temporary directories (see TMPDIR) and are stopped by process id. The ways that are compared
take turns in every round, so that a slow minute of the machine meets all of them; medians are compared. A full run of a
scenario writes its table to Docs/Benchmarks.md; one with --scale or with named works only prints it.
"""
import argparse
import importlib
import sys
import tempfile

from scenarios import common

SCENARIOS = {name: importlib.import_module(f"scenarios.{name}")
             for name in ("mq", "ingest", "pipeline", "store", "influx", "http", "compare")}


def works(scenario):
    return getattr(SCENARIOS[scenario], "WORKS", [])


def main():
    descriptions = (f"  {name:9} {module.__doc__.split(chr(10))[0]}\n" + f"{'':12}works: {', '.join(works(name))}\n" *
                    bool(works(name)) for name, module in SCENARIOS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog="scenarios:\n" + "".join(descriptions),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO")
    parser.add_argument("works", nargs="*", metavar="WORK", help="only these works of the scenario")
    parser.add_argument("--rounds", type=int, help="default: 5; 3 for store, influx and http")
    parser.add_argument("--scale", type=float, default=1, help="multiplies counts, sizes and times; default: 1")
    parser.add_argument("--before", metavar="DIR", help="compare: a checkout, or its release build")
    parser.add_argument("--after", metavar="DIR", help="compare: the other one")
    parser.add_argument("--limit", type=float, default=0.97, help="compare: slower rows fail; default: %(default)s")
    options = parser.parse_args()
    if unknown := set(options.works) - set(works(options.scenario)):
        parser.error(f"unknown work: {', '.join(unknown)}")
    scenario = SCENARIOS[options.scenario]
    options.rounds = options.rounds or scenario.ROUNDS
    with tempfile.TemporaryDirectory(prefix=f"bench-{options.scenario}-") as directory:
        bench = common.Bench(options, directory)
        try:
            heading = scenario.run(bench)
        except FileNotFoundError as error:
            sys.exit(f"bench: {error.filename} is missing; make bench-{options.scenario} installs what it needs")
        except common.Failure as failure:
            sys.exit(f"bench: {failure}")
    if heading and options.scale == 1 and not options.works:
        bench.document(heading)


if __name__ == "__main__":
    main()
