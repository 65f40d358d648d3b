"""Renders the guide and the interface of both products into .run/docs, with the toolchain's docc: `guide.py render`.

Pages link to each other as files, so that code hosts show them; DocC knows `doc:` links and catalogues only. So the
catalogue is made from Docs here, and is not a folder of the sources.
"""
import json
import pathlib
import re
import shutil
import subprocess

from guide import ROOT, headings, local_links

DOCS = ROOT / "Docs"
# Each has a page of its name in Docs.
MODULES = ("TelemetryKit", "TelemetryMQ")
WORK, OUTPUT = ROOT / ".run/docs-work", ROOT / ".run/docs"
TOOLCHAIN = pathlib.Path(shutil.which("swift")).resolve().parent
INDEX = '<!DOCTYPE html><meta charset="utf-8"><title>GPU telemetry</title>' \
    '<meta http-equiv="refresh" content="0; url=documentation/guide/"><a href="documentation/guide/">The guide</a>\n'


def run(*command):
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True)


def symbol_graph(module, build):
    """The public symbols of a module and of the modules that it exports."""
    run("swift", "build", "--target", module)
    info = json.loads(subprocess.run(["swiftc", "-print-target-info"], capture_output=True, check=True).stdout)
    sources = "".join(file.read_text() for file in (ROOT / "Sources" / module).rglob("*.swift"))
    exported = ",".join(re.findall(r"^@_exported import (\w+)", sources, re.M))
    run(TOOLCHAIN / "swift-symbolgraph-extract", "-module-name", module, "-target", info["target"]["triple"],
        "-I", build / "Modules", "-I", "Sources/CLinux", "-I", "Sources/CCurl",
        "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", WORK / "graphs",
        f"-experimental-allowed-reexported-modules={exported}")
    return json.loads((WORK / f"graphs/{module}.symbols.json").read_text())["symbols"]


def symbol_problems(module, symbols):
    """Of symbols that a person wrote: those that the compiler makes have no location."""
    page = DOCS / f"{module}.md"
    topics = page.read_text().partition("\n## Topics\n")[2]
    for symbol in symbols:
        if "location" not in symbol:
            continue
        path, location = symbol["pathComponents"], symbol["location"]
        place = f"{location['uri'].removeprefix('file://')}:{location['position']['line'] + 1}: {'.'.join(path)}"
        comment = "\n".join(line["text"] for line in symbol.get("docComment", {}).get("lines", []))
        if not comment:
            yield f"{place} is not documented"
        declaration = "".join(part["spelling"] for part in symbol["declarationFragments"])
        is_member = path[-2:-1] == ["Configuration"] and re.match(r"(var|let) (?!.*\{ get \}$)", declaration)
        if is_member and not re.search(r"\b([Dd]efault|[Rr]equired)\b", comment):
            yield f"{place}: its comment states neither its default nor that it is required"
        if len(path) == 1 and f"- ``{path[0]}``" not in topics:
            yield f"{place} is not in the topics of {page}"


def article(page, anchors):
    """A page with links as DocC knows them. A file that is not in Docs is not in the catalogue, and is only named."""
    text, out, end = page.read_text(), [], 0
    for match, file, anchor in local_links(page, text):
        label = text[match.start(1):match.end(1)]
        # DocC keeps letters and digits of a heading and joins its words.
        title = re.sub(r"[^\w-]+", "-", anchors.get(file, {}).get(anchor, "")).strip("-")
        target = f"doc:{file.stem}{'#' + title if title else ''}"
        out += [text[end:match.start()], f"[{label}]({target})" if file in anchors else label]
        end = match.end()
    return "".join(out) + text[end:]


def catalogue(folder):
    """Docs/Guide.md becomes the root; its lists of pages, under their headings, become DocC's topics."""
    folder.mkdir(parents=True)
    anchors = {page: headings(page.read_text()) for page in DOCS.glob("*.md")}
    for page in anchors:
        text = article(page, anchors)
        if page.stem == "Guide":
            title, _, rest = text.partition("\n")
            introduction, _, lists = rest.partition("\n## ")
            topics = re.sub(r"^- \[[^\]]*\]\(doc:(\w+)\).*\n(  .*\n)*", r"- <doc:\1>\n", "## " + lists, flags=re.M)
            topics = re.sub(rf"<doc:({'|'.join(MODULES)})>", r"``\1``", topics).replace("## ", "### ")
            text = f"{title}\n\n@Metadata {{\n    @TechnologyRoot\n}}\n{introduction}\n## Topics\n\n{topics}"
        (folder / page.name).write_text(text)


def unresolved_links():
    """DocC silently leaves out a link that it cannot resolve in an abstract."""
    for page in sorted((OUTPUT / "data").rglob("*.json")):
        known = json.loads(page.read_text())
        references = known.pop("references", {})
        used = set()
        json.loads(json.dumps(known), object_hook=lambda node: used.add(
            node["identifier"]) if node.get("type") == "reference" else node)
        for name in used - set(references):
            yield f"{page}: {name} is not shown"
        for name, reference in references.items():
            if reference["type"] == "link" and not re.match(r"https?://", name):
                yield f"{page}: {name} leads nowhere"


def render(build):
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "graphs").mkdir(parents=True)
    for module in MODULES:
        yield from symbol_problems(module, symbol_graph(module, build))
    catalogue(WORK / "Guide.docc")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    run(TOOLCHAIN / "docc", "convert", WORK / "Guide.docc", "--additional-symbol-graph-dir", WORK / "graphs",
        "--output-dir", OUTPUT, "--fallback-display-name", "GPU telemetry",
        "--fallback-bundle-identifier", "gpu-telemetry", "--warnings-as-errors")
    yield from unresolved_links()
    # DocC's own page at the root shows nothing.
    (OUTPUT / "index.html").write_text(INDEX)
    print("docs: python3 -m http.server --directory .run/docs 8000, then http://localhost:8000")
