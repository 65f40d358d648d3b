#!/usr/bin/env python3
"""Measures the project: `scripts/bench.py SCENARIO`.

Servers run on loopback in temporary directories and are stopped by process id. The ways that are compared take turns in
every round, so that a slow minute of the machine meets all of them; medians are compared. A full run of a scenario
writes its table to Docs/Benchmarks.md; one with --scale or with named works, or without a peer, only prints it.
"""
import argparse
import importlib
import sys
import tempfile

from scenarios import common

SCENARIOS = ["mq", "ingest", "pipeline", "store", "influx", "http", "compare"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    scenarios = {name: importlib.import_module(f"scenarios.{name}") for name in SCENARIOS}
    for name, scenario in scenarios.items():
        one = commands.add_parser(name, help=scenario.__doc__.split("\n")[0], description=scenario.__doc__,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        works = getattr(scenario, "WORKS", [])
        if works:
            one.add_argument("works", nargs="*", metavar="WORK", help=f"only these of {', '.join(works)}")
        one.set_defaults(works=[])
        one.add_argument("--rounds", type=int, default=scenario.ROUNDS, help="default: %(default)s")
        one.add_argument("--scale", type=float, default=1, help="multiplies counts, sizes and times; default: 1")
        one.add_argument("--bin", default=common.ROOT / ".build/release", help="programs; default: .build/release")
        one.add_argument("--dir", help="where servers keep files; default: the system's temporary directory")
        if name == "compare":
            one.add_argument("--before", metavar="DIR", help="a checkout, or its release build")
            one.add_argument("--after", metavar="DIR", help="the other one")
            one.add_argument("--limit", type=float, default=0.97, help="slower rows fail; default: %(default)s")
    options = parser.parse_args()
    scenario = scenarios[options.scenario]
    if unknown := set(options.works) - set(getattr(scenario, "WORKS", [])):
        parser.error(f"unknown work: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory(prefix=f"bench-{options.scenario}-", dir=options.dir) as directory:
        bench = common.Bench(options.scenario, options, directory)
        try:
            if missing := [program for program in getattr(scenario, "NEEDS", []) if not bench.has(program)]:
                raise common.Failure(f"missing: {', '.join(missing)}; make bench-{options.scenario} installs them")
            heading = scenario.run(bench)
        except common.Failure as failure:
            sys.exit(f"bench: {failure}")
    if bench.absent:
        print(f"bench: without {', '.join(bench.absent)}: Docs/Benchmarks.md stays as it is")
    elif heading and options.scale == 1 and not options.works:
        bench.document(heading)


if __name__ == "__main__":
    main()
