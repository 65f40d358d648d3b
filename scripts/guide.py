#!/usr/bin/env python3
"""Checks and assembles the guide: Docs/*.md, README.md and the other pages at the top.

    guide.py links                 every link leads to a file and a heading that are there
    guide.py snippets              every Swift block compiles, every command of a shell block exists (see CONTRIBUTING.md)
    guide.py symbols GRAPH...      every public symbol of the symbol graphs is documented
    guide.py catalogue DIR MODULE...   makes DIR a documentation catalogue for docc, of Docs and the modules
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(```+)(.*)$")


def pages():
    return sorted(ROOT.glob("*.md")) + sorted((ROOT / "Docs").glob("*.md"))


def lines_outside_code(text):
    """Numbered lines that are neither in a fenced block nor in code spans; what is left out of a line is blank."""
    fence = None
    for number, line in enumerate(text.split("\n"), 1):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is not None:
            if line.strip() == fence:
                fence = None
        else:
            yield number, line


def headings(text):
    """Anchors as code hosts make them, with their headings."""
    anchors = {}
    for _, line in lines_outside_code(text):
        if match := re.match(r"#{1,6} +(.*?) *$", line):
            title = LINK.sub(r"\1", match[1]).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count = sum(1 for known in anchors if re.fullmatch(re.escape(slug) + r"(-\d+)?", known))
            anchors[f"{slug}-{count}" if count else slug] = title
    return anchors


def links(text):
    for number, line in lines_outside_code(text):
        for match in LINK.finditer(re.sub(r"`[^`]*`", lambda code: "`" * len(code[0]), line)):
            yield number, match[2]


def broken_links():
    problems = []
    anchors = {page: headings(page.read_text()) for page in pages()}
    for page in pages():
        for number, target in links(page.read_text()):
            if re.match(r"https?://", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            place = f"{page.relative_to(ROOT)}:{number}"
            if not file.exists():
                problems.append(f"{place}: there is no {target}")
            elif anchor and anchor not in anchors.get(file, {}):
                problems.append(f"{place}: {path or page.name} has no heading #{anchor}")
    listed = {target.partition("#")[0] for _, target in links((ROOT / "Docs/Guide.md").read_text())}
    for page in (ROOT / "Docs").glob("*.md"):
        if page.name not in listed | {"Guide.md"}:
            problems.append(f"Docs/Guide.md: does not list {page.name}")
    return problems


def undocumented(graphs):
    """Symbols that a person wrote: what the compiler makes has no place, and what fulfils a documented requirement has its text."""
    for graph in graphs:
        for symbol in json.loads(pathlib.Path(graph).read_text())["symbols"]:
            if symbol["accessLevel"] in ("public", "open") and "location" in symbol and "docComment" not in symbol:
                file = symbol["location"]["uri"].removeprefix("file://")
                yield f"{file}:{symbol['location']['position']['line'] + 1}: {'.'.join(symbol['pathComponents'])} is not documented"


def article(page, anchors):
    """A page with links as docc knows them. What does not lie in Docs is not a part of the catalogue, and is named only."""

    def link(match):
        text, target = match[1], match[2]
        if re.match(r"https?://", target):
            return match[0]
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if file not in anchors:
            return text
        title = anchors[file].get(anchor, "")
        # docc keeps letters and digits of a heading and joins its words.
        fragment = "#" + re.sub(r"[^\w-]+", "-", title).strip("-") if anchor else ""
        return f"[{text}](doc:{file.stem}{fragment})"

    outside = {number for number, _ in lines_outside_code(page.read_text())}
    out = []
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if number in outside:
            line = "".join(part if part.startswith("`") else LINK.sub(link, part) for part in re.split(r"(`[^`]*`)", line))
        out.append(line)
    return "\n".join(out)


def catalogue(directory, modules):
    """Docs/Guide.md becomes the root: its lists of pages, below their headings, are docc's topics."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True)
    docs = sorted((ROOT / "Docs").glob("*.md"))
    anchors = {page: headings(page.read_text()) for page in docs}
    for page in docs:
        text = article(page, anchors)
        if page.stem == "Guide":
            title, _, rest = text.partition("\n")
            topics = []
            for _, line in lines_outside_code(rest):
                if line.startswith("## "):
                    topics.append(f"\n### {line[3:]}\n")
                elif item := re.match(r"- \[[^\]]*\]\(doc:([\w-]+)\)", line):
                    topics.append(f"- <doc:{item[1]}>")
            introduction = rest.partition("\n## ")[0]
            products = "\n### Products\n\n" + "\n".join(f"- ``{module}``" for module in modules)
            text = "\n".join([title, "\n@Metadata {\n    @TechnologyRoot\n}", introduction, "## Topics", *topics, products, ""])
        (directory / page.name).write_text(text)


def main():
    command, *arguments = sys.argv[1:] or [""]
    if command == "links":
        problems = broken_links()
    elif command == "symbols":
        problems = list(undocumented(arguments))
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
