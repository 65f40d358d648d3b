#!/usr/bin/env python3
"""Checks and renders the guide: Docs/*.md, README.md and the other pages at the top (see CONTRIBUTING.md).

    guide.py check     after `swift build --build-tests`: links, names, blocks of code; runs what the pages say is run
    guide.py render    renders the guide and the products into .run/docs; checks symbols, their comments and all links
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import stage
from scenarios.common import ROOT

IMAGE = re.compile(r"!\[[^\]]*\]\(([^()\s]+)\)")
PROGRAMS = ("mq-server", "streamer", "collector", "api")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
METRIC = r"\b(?:telemetry_mq|telemetry_feed|gateway|streamer|collector)_[a-z_]+"
SOURCES = sorted((ROOT / "Sources").rglob("*.swift"))
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "Docs").glob("*.md"))


def place(page, text, position):
    return f"{page}:{text.count(chr(10), 0, position) + 1}"


def prose(text):
    """The text with blanks in place of code; every line and column is where it was."""
    code = r"^```.*?^```$|`(?:[^`\n]|\n(?!\n))*`"
    return re.sub(code, lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.M | re.S)


def headings(text):
    """The anchors of a page, as code hosts make them, with their headings."""
    anchors = {}
    for match in re.finditer(r"^#{1,6} .*$", prose(text), re.M):
        title = LINK.sub(r"\1", text[match.start():match.end()].lstrip("#").strip()).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        count = sum(1 for known in anchors if re.fullmatch(re.escape(slug) + r"(-\d+)?", known))
        anchors[f"{slug}-{count}" if count else slug] = title
    return anchors


def local_links(page, text):
    """Each link that is no address of the web: its match, its file, its anchor."""
    for match in LINK.finditer(prose(text)):
        if not re.match(r"https?://", match[2]):
            path, _, anchor = match[2].partition("#")
            yield match, (page.parent / path).resolve() if path else page, anchor


def broken_links():
    anchors = {page: headings(page.read_text()) for page in PAGES}
    for page in PAGES:
        text = page.read_text()
        for match, file, anchor in local_links(page, text):
            if not file.exists() or anchor and anchor not in anchors.get(file, {}):
                yield f"{place(page, text, match.start())}: {match[2]} leads nowhere"
        for match in IMAGE.finditer(prose(text)):
            if not (page.parent / match[1]).is_file():
                yield f"{place(page, text, match.start())}: there is no image {match[1]}"
    guide = ROOT / "Docs/Guide.md"
    listed = {file for _, file, _ in local_links(guide, guide.read_text())}
    yield from (f"{guide}: does not list {page.name}" for page in set(guide.parent.glob("*.md")) - listed - {guide})


def unknown_metrics():
    known = {word for file in SOURCES for word in re.findall(r'"(\w+)"', file.read_text())}
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(METRIC, text):
            if match[0] not in known:
                yield f"{place(page, text, match.start())}: no program has the metric {match[0]}"


class Block:
    """A fenced block or a heading, with the comments directly in front of it."""

    def __init__(self, place, language, text, notes=""):
        self.place, self.language, self.text, self.notes = place, language, text, notes

    def note(self, name):
        """What the comment of that name says, or nothing."""
        found = re.search(rf"<!-- ?{name}\b:?(.*?)-->", self.notes, re.S)
        return found and found[1].strip("\n ")


def blocks(page):
    text = page.read_text()
    pattern = r"((?:<!--(?:(?!-->).)*-->\s*)*)(?:^```(\w*)\n(.*?)^```$|^(#+ [^\n]*)$)"
    for match in re.finditer(pattern, text, re.M | re.S):
        language = "heading" if match[4] else match[2]
        yield Block(place(page, text, match.end(1)), language, match[4] or match[3], match[1])


def comment_blocks():
    """Swift blocks of doc comments, which see what their file sees."""
    for file in SOURCES:
        text = file.read_text()
        for match in re.finditer(r"^ *///? *```swift\n(.*?)^ *///? *```$", text, re.M | re.S):
            body = re.sub(r"^ */// ?", "", match[1], flags=re.M)
            product = file.relative_to(ROOT / "Sources").parts[0]
            yield Block(place(file, text, match.start()), "swift", f"import {product}\n{body}")


def swift_problems(swift_blocks, build):
    """SwiftPM's Snippets/ would not do: they are compiled as a part of the package, with `package` symbols that a
    reader's program does not see, and a code host does not show a page's snippets."""
    toolchain, programs = pathlib.Path(shutil.which("swift")).resolve().parent.parent, []
    command = ["swiftc", "-typecheck", "-swift-version", "6", "-package-description-version", "6.2",
               "-plugin-path", toolchain / "lib/swift/host/plugins/testing"]
    for folder in (build / "Modules", ROOT / "Sources/CLinux", ROOT / "Sources/CCurl",
                   toolchain / "lib/swift/pm/ManifestAPI"):
        command += ["-I", folder]

    def compiled(number, program):
        place, source = program
        imports = re.findall(r"^import .*$", source, re.M)
        file = pathlib.Path(work, f"block{number}.swift")
        file.write_text("\n".join(imports) + re.sub(r"^import .*$", "", source, flags=re.M))
        library = ["-parse-as-library"] if "import Testing" in imports else []
        done = subprocess.run([*command, *library, file], capture_output=True, text=True)
        return f"{place}: {(re.findall('.*error:.*', done.stderr) or [done.stderr])[0]}" if done.returncode else None

    for block in swift_blocks:
        if (file := block.note("file")) and block.text != (ROOT / file).read_text():
            yield f"{block.place}: is not {file}"
        source = f"{block.note('given') or ''}\n{block.text}"
        if block.note("continues") is not None:
            source = programs.pop()[1] + source
        programs.append((block.place, source))
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(compiled, range(len(programs)), programs))


def shell_problems(shell_blocks, build):
    """Programs, make targets, flags, scripts and variables that do not exist."""
    flags = {name: set(re.findall(r"--[a-z][a-z-]*", subprocess.run(
        [build / name, "--help"], capture_output=True, text=True, check=True).stdout)) for name in PROGRAMS}
    readers = [ROOT / "Makefile", *(ROOT / "scripts").glob("*.sh"), *(ROOT / "Tests").rglob("*.swift")]
    variables = {flag[2:].upper().replace("-", "_") for known in flags.values() for flag in known} | {
        word for file in readers for word in re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", file.read_text())}
    for block in shell_blocks:
        syntax = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        unknown = [syntax.stderr.strip()] if syntax.returncode else []
        text = re.sub(r"(^| )#.*", "", block.text.replace("\\\n", " "), flags=re.M)
        for words in re.findall(r"\bmake((?: +[\w.=:/*-]+)+)", text):
            is_known = subprocess.run(["make", "-n", *words.split()], cwd=ROOT, capture_output=True).returncode == 0
            unknown += [] if is_known else [f"make {words}"]
        for name, words in re.findall(rf"(?<![\w-])({'|'.join(PROGRAMS)})( [^|;&\n]*)", text):
            used = re.findall(r"(?<= )--[a-z][a-z-]*", words)
            unknown += [f"{name} {flag}" for flag in used if flag not in flags[name]]
        unknown += [name for name in re.findall(r"(?<![\w-])([A-Z][A-Z0-9_]{2,})=", text) if name not in variables]
        unknown += [path for path in re.findall(r"(?<![\w/.-])((?:scripts|\.ci)/[\w./-]+)", text)
                    if not os.access(ROOT / path, os.X_OK)]
        yield from (f"{block.place}: there is no {each}" for each in unknown)


def check(build):
    pages = {page: list(blocks(page)) for page in PAGES}
    of = {language: [block for page in pages.values() for block in page if block.language == language]
          for language in ("swift", "sh", "json", "python")}
    yield from broken_links()
    yield from unknown_metrics()
    for block in of["json"]:
        if "…" not in block.text:
            json.loads(block.text)
    for block in of["python"]:
        compile(block.text, block.place, "exec")
    yield from shell_problems(of["sh"], build)
    yield from swift_problems(of["swift"] + list(comment_blocks()), build)
    count, has_network = 0, stage.leave_network()
    for page in pages.values():
        if has_network and (jobs := list(stage.jobs(page))):
            count += len(jobs)
            yield from stage.run_page(page, jobs, [build / program for program in PROGRAMS])
    print(f"guide: {len(of['swift'])} Swift blocks compiled, {len(of['sh'])} shell blocks checked, {count} blocks run"
          + ("" if has_network else "; none is run: this system gives no process a network of its own (unshare)"))


def main():
    import render

    if sys.argv[1:] not in (["check"], ["render"]):
        sys.exit(__doc__)
    show = subprocess.run(["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True)
    problems = list((check if sys.argv[1] == "check" else render.render)(pathlib.Path(show.stdout.strip())))
    for problem in problems:
        print(problem.replace(f"{ROOT}/", ""), file=sys.stderr)
    if problems:
        sys.exit(f"guide: {len(problems)} problems")


if __name__ == "__main__":
    main()
