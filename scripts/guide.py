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

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGE = re.compile(r"!\[[^\]]*\]\(([^()\s]+)\)")
PROGRAMS = ("mq-server", "streamer", "collector", "api")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
METRIC = r"\b(?:telemetry_mq|telemetry_feed|gateway|streamer|collector)_[a-z_]+"
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "Docs").glob("*.md"))


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


# -- Links ------------------------------------------------------------------------------------------------------------


def prose(text):
    """The text with blanks in place of code; every line and column is where it was."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    text = re.sub(r"^```.*?^```$", blank, text, flags=re.M | re.S)
    return re.sub(r"`(?:[^`\n]|\n(?!\n))*`", blank, text)


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
                yield f"{page}:{line_of(text, match)}: {match[2]} leads nowhere"
        for match in IMAGE.finditer(prose(text)):
            if not (page.parent / match[1]).is_file():
                yield f"{page}:{line_of(text, match)}: there is no image {match[1]}"
    listed = {file for _, file, _ in local_links(ROOT / "Docs/Guide.md", (ROOT / "Docs/Guide.md").read_text())}
    for page in set((ROOT / "Docs").glob("*.md")) - listed - {ROOT / "Docs/Guide.md"}:
        yield f"Docs/Guide.md: does not list {page.name}"


def unknown_metrics():
    sources = "".join(file.read_text() for file in (ROOT / "Sources").rglob("*.swift"))
    known = set(re.findall(r'"(\w+)"', sources))
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(METRIC, text):
            if match[0] not in known:
                yield f"{page}:{line_of(text, match)}: no program has the metric {match[0]}"


# -- Blocks -----------------------------------------------------------------------------------------------------------


class Block:
    """A fenced block or a heading, with the comments directly in front of it."""

    def __init__(self, page, line, language, text, notes=()):
        self.language, self.text, self.notes, self.place = language, text, notes, f"{page}:{line}"

    def note(self, name):
        """What the comment of that name says, or nothing."""
        found = [match[1] for note in self.notes if (match := re.match(rf" ?{name}\b:?(.*)$", note, re.S))]
        return found[0].strip("\n ") if found else None


def blocks(page):
    text = page.read_text()
    pattern = r"((?:<!--(?:(?!-->).)*-->\s*)*)(?:^```(\w*)\n(.*?)^```$|^(#+ [^\n]*)$)"
    for match in re.finditer(pattern, text, re.M | re.S):
        notes = re.findall(r"<!--(.*?)-->", match[1], re.S)
        line = text.count("\n", 0, match.start(3) if match[4] is None else match.start(4)) + 1
        yield Block(page, line, "heading" if match[4] else match[2], match[4] or match[3], notes)


def comment_blocks():
    """Swift blocks of doc comments, which see what their file sees."""
    for file in sorted((ROOT / "Sources").rglob("*.swift")):
        text = file.read_text()
        for match in re.finditer(r"^ *///? *```swift\n(.*?)^ *///? *```$", text, re.M | re.S):
            body = re.sub(r"^ */// ?", "", match[1], flags=re.M)
            product = file.relative_to(ROOT / "Sources").parts[0]
            yield Block(file, line_of(text, match), "swift", f"import {product}\n{body}")


def compile_swift(block_place, source, file, flags, toolchain):
    """SwiftPM's Snippets/ would not do: they are compiled as a part of the package, with `package` symbols that a
    reader's program does not see, and a code host does not show a page's snippets."""
    imports = sorted(set(re.findall(r"^import .*$", source, re.M)))
    file.write_text("\n".join(imports) + re.sub(r"^import .*$", "", source, flags=re.M))
    command = ["swiftc", "-typecheck", "-swift-version", "6", *flags]
    if "import PackageDescription" in imports:
        command += ["-I", str(toolchain / "lib/swift/pm/ManifestAPI"), "-package-description-version", "6.2"]
    if "import Testing" in imports:
        plugins = toolchain / "lib/swift/host/plugins"
        command += ["-parse-as-library", "-plugin-path", str(plugins)]
        for library in plugins.rglob("libTestingMacros.*"):
            command += ["-load-plugin-library", str(library)]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True)
    errors = [line for line in done.stderr.split("\n") if "error:" in line] or [done.stderr[-500:]]
    return [f"{block_place}: {errors[0]}"] if done.returncode else []


def swift_problems(swift_blocks):
    programs = []
    for block in swift_blocks:
        if (file := block.note("file")) and block.text != (ROOT / file).read_text():
            yield f"{block.place}: is not {file}"
        source = f"{block.note('given') or ''}\n{block.text}"
        if block.note("continues") is not None:
            source = programs.pop()[1] + source
        programs.append((block.place, source))
    modules, toolchain = build_path() / "Modules", pathlib.Path(shutil.which("swift")).resolve().parent.parent
    flags = [f"-I{folder}" for folder in (modules, ROOT / "Sources/CLinux", ROOT / "Sources/CCurl")]
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_swift, place, source, pathlib.Path(work, f"block{n}.swift"), flags, toolchain)
                for n, (place, source) in enumerate(programs)]
        for job in jobs:
            yield from job.result()


def shell_problems(shell_blocks):
    """Programs, make targets, flags, scripts and variables that do not exist."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"[a-z][a-z0-9-]+", re.search(r"^\.PHONY:((?:.*\\\n)*.*)", makefile, re.M)[1]))
    targets |= set(re.findall(r"^BENCHES := (.*)", makefile, re.M)[0].split())
    flags = {name: set(re.findall(r"--[a-z][a-z-]*", subprocess.run(
        [build_path() / name, "--help"], capture_output=True, text=True, check=True).stdout)) for name in PROGRAMS}
    variables = {flag[2:].upper().replace("-", "_") for known in flags.values() for flag in known} | {"PATH", "HOME"}
    for file in [ROOT / "Makefile", *(ROOT / "scripts").rglob("*.*"), *(ROOT / "Tests").rglob("*.swift")]:
        if file.suffix in ("", ".sh", ".py", ".swift"):
            variables |= set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", file.read_text()))
    for block in shell_blocks:
        syntax = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        unknown = [syntax.stderr.strip()] if syntax.returncode else []
        text = re.sub(r"(^| )#.*", "", block.text.replace("\\\n", " "), flags=re.M)
        for words in re.findall(r"\bmake((?: +[\w.=:/*-]+)+)", text):
            unknown += [f"make {word}" for word in words.split() if "=" not in word and word not in targets]
        for name, words in re.findall(rf"(?<![\w-])({'|'.join(PROGRAMS)})( [^|;&\n]*)", text):
            used = re.findall(r"(?<= )--[a-z][a-z-]*", words)
            unknown += [f"{name} {flag}" for flag in used if flag not in flags[name]]
        unknown += [name for name in re.findall(r"(?<![\w-])([A-Z][A-Z0-9_]{2,})=", text) if name not in variables]
        unknown += [path for path in re.findall(r"(?<![\w/.-])((?:scripts|\.ci)/[\w./-]+)", text)
                    if not os.access(ROOT / path, os.X_OK)]
        yield from (f"{block.place}: there is no {each}" for each in unknown)


def check():
    import stage

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
    yield from shell_problems(of["sh"])
    yield from swift_problems(of["swift"] + list(comment_blocks()))
    count = 0
    for page, of_page in pages.items():
        if jobs := stage.jobs(of_page):
            count += len(jobs)
            yield from stage.run_page(page, of_page, jobs)
    print(f"guide: {len(of['swift'])} Swift blocks compiled, {len(of['sh'])} shell blocks checked, {count} blocks run")


def build_path():
    show = subprocess.run(["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True)
    return pathlib.Path(show.stdout.strip())


def main():
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "render":
        import render
    elif command != "check":
        sys.exit(__doc__)
    problems = list(render.render() if command == "render" else check())
    for problem in problems:
        print(problem.replace(f"{ROOT}/", ""), file=sys.stderr)
    if problems:
        sys.exit(f"guide: {len(problems)} problems")


if __name__ == "__main__":
    main()
