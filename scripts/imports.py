#!/usr/bin/env python3
"""Checks which target and which folder uses which, and writes the map of the sources in CONTRIBUTING.md.

    imports.py          fails on a cycle of folders, an import that is not declared, a dependency that no file imports,
                        an edge that points upward, or an outdated map
    imports.py --map    writes the map

Targets and their dependencies are what the package manager reports; it refuses cycles of targets itself. Inside a
target, a folder uses another one if it names a type or a function that only the other declares at the top level.
"""
import collections
import graphlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- map: scripts/imports.py --map -->\n", "<!-- end of the map -->\n"
# From the bottom to the top. A target may use its own layer and lower ones.
LAYERS = (
    r"CCurl|CLinux|LinuxRequired|TelemetryBase|TelemetryIO|TelemetryHTTP",
    r"Telemetry\w+",
    r"Example\w+|mq-server|streamer|collector|api",
)
IMPORT = re.compile(r"^(?:@\w+(?:\(\w+\))? |public |package |internal )*import (?:\w+ )?(\w+)", re.M)
DECLARED = re.compile(r"^(?:@[\w()]+\s+)*(?:public |package |internal |final |indirect |nonisolated )*"
                      r"(?:struct|class|enum|protocol|actor|typealias|func|let|var) (\w+)", re.M)


def layer(name):
    return next(index for index, pattern in enumerate(LAYERS) if re.fullmatch(pattern, name))


def is_queue(name):
    """The queue and the telemetry libraries, which are one layer, may not use each other."""
    return name.startswith("TelemetryMQ")


def code(file):
    """The text without comments and without strings, whose words are not uses."""
    text = re.sub(r'""".*?"""', '""', file.read_text(), flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*', "", text)


def targets():
    described = subprocess.run(["swift", "package", "--ignore-lock", "describe", "--type", "json"], cwd=ROOT,
                               capture_output=True, text=True)
    if described.returncode:  # A cycle of targets, for example.
        sys.exit(described.stderr)
    return {target["name"]: target for target in json.loads(described.stdout)["targets"]}


def cycle(edges):
    """Names that use each other in a circle, with an example of each use; nothing if there are none."""
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        names = error.args[1][::-1]
        steps = "; ".join(edges[first][second] for first, second in zip(names, names[1:]))
        return f"{' -> '.join(names)} is a cycle: {steps}"


def import_problems(target, known):
    """Differences between the dependencies of a target and what its files import; edges in a wrong direction."""
    name, declared, imported = target["name"], set(target.get("target_dependencies", [])), {}
    modules = {each["c99name"]: each["name"] for each in known.values()}
    for source in sorted(target["sources"]):
        for module in IMPORT.findall((ROOT / target["path"] / source).read_text()):
            if module in modules:
                imported.setdefault(modules[module], f"{target['path']}/{source}")
    for module, file in imported.items():
        if module not in declared:
            yield f"{file}: imports {module}, which is not a dependency of {name} in Package.swift"
    programs = {each for each in declared if known[each]["type"] == "executable"}  # Tests start them.
    if target["module_type"] == "SwiftTarget":
        for module in sorted(declared - set(imported) - {"LinuxRequired"} - programs):
            yield f"Package.swift: {name} depends on {module}, and no file imports it"
    if target["path"].startswith("Sources"):
        for module in sorted(declared):
            is_apart = layer(name) == layer(module) == 1 and is_queue(name) != is_queue(module)
            if layer(module) > layer(name) or is_apart:
                yield f"Package.swift: {name} may not depend on {module}"


def folder_edges(target):
    """For each folder in a target: the folders that it uses, each with an example."""
    files = {source: code(ROOT / target["path"] / source) for source in target["sources"] if source.endswith(".swift")}
    homes = collections.defaultdict(set)
    for source, text in files.items():
        for symbol in DECLARED.findall(text):
            homes[symbol].add(str(pathlib.PurePath(source).parent))
    home = {symbol: folders.pop() for symbol, folders in homes.items() if len(folders) == 1}
    edges = collections.defaultdict(dict)
    for source, text in sorted(files.items()):
        folder = str(pathlib.PurePath(source).parent)
        # A member (`.word`) and a label or the declaration of a member (`word:`, `let word`) are other things.
        for symbol in re.findall(r"(?<![\w.])(?<!let )(?<!var )(?<!func )(?<!case )\w+\b(?!:)", text):
            if symbol in home and "." not in (folder, home[symbol]) and home[symbol] != folder:
                edges[folder].setdefault(home[symbol], f"{source} uses {symbol}")
    return edges


def depth(name, edges):
    """The length of the longest path down; `edges` has no cycle."""
    return 1 + max((depth(each, edges) for each in edges.get(name, ())), default=0)


def table(known):
    yield "| target | folder | folders in it | imports |\n|---|---|---|---|\n"
    below = {name: target.get("target_dependencies", []) for name, target in known.items()}
    shown = [each for each in known.values() if each["path"].startswith("Sources")]
    for target in sorted(shown, key=lambda each: (layer(each["name"]), depth(each["name"], below), each["path"])):
        edges, folders = folder_edges(target), {source.split("/")[0] for source in target["sources"] if "/" in source}
        ordered = ", ".join(sorted(folders, key=lambda each: (depth(each, edges), each)))
        columns = target["name"], f"`{target['path']}`", ordered, ", ".join(sorted(below[target["name"]]))
        yield "| " + " | ".join(columns) + " |\n"


def main():
    known = targets()
    problems = [problem for target in known.values() for problem in import_problems(target, known)]
    for target in known.values():
        if found := cycle(folder_edges(target)):
            problems.append(f"{target['path']}: {found}")
    if problems:
        sys.exit("\n".join(problems))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    written, end, after = rest.partition(END)
    if not end:
        sys.exit(f"imports: {PAGE.name} has no line {BEGIN.strip()} before {END.strip()}")
    wanted = "".join(["\n", *table(known), "\n"])
    if sys.argv[1:] == ["--map"]:
        PAGE.write_text(before + BEGIN + wanted + END + after)
    elif written != wanted:
        sys.exit(f"imports: the map in {PAGE.name} is outdated: run scripts/imports.py --map")


if __name__ == "__main__":
    main()
