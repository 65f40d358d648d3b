#!/usr/bin/env python3
"""Checks and assembles the guide: Docs/*.md, README.md and the other pages at the top.

    guide.py links                 every link leads to a file and a heading that are there
    guide.py snippets              every Swift block compiles, every command of a shell block exists (see CONTRIBUTING.md)
    guide.py symbols GRAPH...      every public symbol of the symbol graphs is documented, every type is on its module's page
    guide.py catalogue DIR MODULE...   makes DIR a documentation catalogue for docc, of Docs and the modules
    guide.py rendered DIR          every link of the pages that docc has made of it leads somewhere
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGE = re.compile(r"!\[[^\]]*\]\(([^()\s]+)\)")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(```+)(.*)$")


def pages():
    return sorted(ROOT.glob("*.md")) + sorted((ROOT / "Docs").glob("*.md"))


def without_code(text):
    """The text with blanks for fenced blocks and backticks for code spans; every line and column is where it was."""
    fence = None
    lines = []
    for line in text.split("\n"):
        mark = FENCE.match(line)
        is_code = fence is not None or mark is not None
        if fence is None and mark:
            fence = mark[1]
        elif line.strip() == fence:
            fence = None
        lines.append(" " * len(line) if is_code else line)
    # A span ends within its paragraph.
    return re.sub(r"`(?:[^`\n]|\n(?!\n))*`", lambda span: re.sub(r"[^\n]", "`", span[0]), "\n".join(lines))


def headings(text):
    """Anchors as code hosts make them, with their headings."""
    anchors = {}
    for line, outside in zip(text.split("\n"), without_code(text).split("\n")):
        if re.match(r"#{1,6} ", outside):
            title = LINK.sub(r"\1", line.lstrip("#").strip()).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count = sum(1 for known in anchors if re.fullmatch(re.escape(slug) + r"(-\d+)?", known))
            anchors[f"{slug}-{count}" if count else slug] = title
    return anchors


def links(text):
    """Their matches; where one goes over a line's end, too."""
    yield from LINK.finditer(without_code(text))


def broken_links():
    problems = []
    anchors = {page: headings(page.read_text()) for page in pages()}
    for page in pages():
        text = page.read_text()
        for match in links(text):
            target = match[2]
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            if not file.exists():
                problems.append(f"{place}: there is no {target}")
            elif anchor and anchor not in anchors.get(file, {}):
                problems.append(f"{place}: {path or page.name} has no heading #{anchor}")
        for match in IMAGE.finditer(without_code(text)):
            if not (page.parent / match[1]).is_file():
                problems.append(f"{page.relative_to(ROOT)}: there is no image {match[1]}")
    listed = {match[2].partition("#")[0] for match in links((ROOT / "Docs/Guide.md").read_text())}
    for page in (ROOT / "Docs").glob("*.md"):
        if page.name not in listed | {"Guide.md"}:
            problems.append(f"Docs/Guide.md: does not list {page.name}")
    return problems


def symbol_problems(graphs):
    """Of symbols that a person wrote: what the compiler makes has no place, and what fulfils a documented requirement has its text."""
    for graph in map(pathlib.Path, graphs):
        page = ROOT / "Docs" / f"{graph.name.partition('.')[0]}.md"
        topics = page.read_text().partition("\n## Topics\n")[2]
        for symbol in json.loads(graph.read_text())["symbols"]:
            if symbol["accessLevel"] not in ("public", "open") or "location" not in symbol:
                continue
            name, location = ".".join(symbol["pathComponents"]), symbol["location"]
            place = f"{location['uri'].removeprefix('file://')}:{location['position']['line'] + 1}"
            if "docComment" not in symbol:
                yield f"{place}: {name} is not documented"
            if "." not in name and f"- ``{name}``" not in topics:
                yield f"{place}: {name} is under no topic of {page}"


def article(page, anchors):
    """A page with links as docc knows them. What does not lie in Docs is not a part of the catalogue, and is named only."""

    source = page.read_text()

    def link(match):
        text, target = source[match.start(1):match.end(1)], match[2]
        if re.match(r"https?://", target):
            return source[match.start():match.end()]
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if file not in anchors:
            return text
        title = anchors[file].get(anchor, "")
        # docc keeps letters and digits of a heading and joins its words.
        fragment = "#" + re.sub(r"[^\w-]+", "-", title).strip("-") if anchor else ""
        return f"[{text}](doc:{file.stem}{fragment})"

    out, end = [], 0
    for match in links(source):
        out += [source[end:match.start()], link(match)]
        end = match.end()
    return "".join(out) + source[end:]


def catalogue(directory, modules):
    """Docs/Guide.md becomes the root: its lists of pages, below their headings, are docc's topics. The page of a module's name is the
    module's."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True)
    docs = sorted((ROOT / "Docs").glob("*.md"))
    anchors = {page: headings(page.read_text()) for page in docs}
    for page in docs:
        text = article(page, anchors)
        if page.stem == "Guide":
            title, _, rest = text.partition("\n")
            topics = []
            for line in rest.split("\n"):
                if line.startswith("## "):
                    topics.append(f"\n### {line[3:]}\n")
                elif item := re.match(r"- \[[^\]]*\]\(doc:([\w-]+)\)", line):
                    topics.append(f"- ``{item[1]}``" if item[1] in modules else f"- <doc:{item[1]}>")
            introduction = rest.partition("\n## ")[0]
            text = "\n".join([title, "\n@Metadata {\n    @TechnologyRoot\n}", introduction, "## Topics", *topics, ""])
        (directory / page.name).write_text(text)


def unresolved(directory):
    """docc leaves out a link that it cannot resolve in an abstract, and says nothing."""
    for page in sorted(pathlib.Path(directory, "data").rglob("*.json")):
        known = json.loads(page.read_text())
        nodes = [{key: value for key, value in known.items() if key != "references"}]
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict) and node.get("type") == "reference" and node["identifier"] not in known["references"]:
                yield f"{page}: {node['identifier']} is not shown"
            nodes += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        for name, reference in known.get("references", {}).items():
            if reference["type"] == "link" and not re.match(r"https?://", name):
                yield f"{page}: {name} leads nowhere"


def main():
    command, *arguments = sys.argv[1:] or [""]
    if command == "links":
        problems = broken_links()
    elif command == "symbols":
        problems = list(symbol_problems(arguments))
    elif command == "rendered" and len(arguments) == 1:
        problems = list(unresolved(arguments[0]))
    elif command == "snippets":
        import snippets

        problems = snippets.problems()
    elif command == "catalogue" and len(arguments) > 1:
        catalogue(arguments[0], arguments[1:])
        problems = []
    else:
        sys.exit(__doc__)
    for problem in problems:
        print(problem.replace(f"{ROOT}/", ""), file=sys.stderr)
    if problems:
        sys.exit(f"guide: {len(problems)} problems")


if __name__ == "__main__":
    main()
