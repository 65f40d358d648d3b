"""The blocks of code in the guide, compiled, run or looked at; `scripts/guide.py snippets` calls this. After `swift build --build-tests`.

swift     compiled, with what a comment `<!-- given … -->` in front of it declares; after `<!-- continues -->` together with the block before.
          After `<!-- file: PATH -->` it must be that file.
sh        each program, make target, flag and variable must exist. After `<!-- run -->` it is also run, line by line as it stands, beside a
          pipeline of the real programs with the sample, in a network of its own, so that the ports of the guide are free; after
          `<!-- run: words -->` its output must contain these words.
          After `<!-- as NAME -->` a block of any language is a file of that name beside them.
json      parsed, where nothing is left out (…); python compiled.

A comment `<!-- prints COMMAND -->` in front of a heading with a message in backquotes: the command must print the message.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import guide
import stage

ROOT = guide.ROOT
LANGUAGES = {"swift", "sh", "json", "python", "text", "mermaid", "nginx", "yaml"}
# What a reader has, or installs for the purpose that the page names.
FOREIGN = {"git", "gzip", "tail", "cat", "cp", "mv", "rm", "mkdir", "cd", "curl", "tar", "df", "kill", "victoria-metrics", "openssl",
           "ulimit", "umask", ":", "sudo", "systemctl", "rsync", "export", "wait", "sleep", "echo", "exec", "jq", "promtool"}


class Block:
    def __init__(self, page, line, language, notes, text):
        self.page, self.line, self.language, self.notes, self.text = page, line, language, notes, text
        self.place = f"{page.relative_to(ROOT)}:{line}"

    def note(self, name):
        """What the comment of that name says, or nothing."""
        for note in self.notes:
            if match := re.match(rf"{name}\b:?(.*)$", note, re.DOTALL):
                return match[1].strip("\n")
        return None


def blocks(page):
    """Fenced blocks and headings, each with the comments directly in front of it."""
    notes, fence, comment = [], None, None
    for number, line in enumerate(page.read_text().split("\n"), 1):
        if fence is not None:
            if line.strip() == "```":
                yield Block(page, start, fence, notes, "\n".join(body) + "\n")
                notes, fence = [], None
            else:
                body.append(line)
        elif comment is not None or line.startswith("<!--"):
            comment = line[4:] if comment is None else comment + "\n" + line
            if comment.endswith("-->"):
                notes.append(comment[:-3].strip(" "))
                comment = None
        elif line.startswith("```"):
            fence, start, body = line[3:].strip(), number, []
        elif line.startswith("#"):
            yield Block(page, number, "heading", notes, line)
            notes = []
        elif line.strip():
            notes = []


# -- Swift ------------------------------------------------------------------------------------------------------------


def compile_swift(program, file, modules, toolchain):
    place, source = program
    imports = sorted(set(re.findall(r"^import .*$", source, re.MULTILINE)))
    body = re.sub(r"^import .*$", "", source, flags=re.MULTILINE)
    file.write_text("\n".join(imports) + "\n" + body)
    command = ["swiftc", "-typecheck", "-swift-version", "6", "-I", str(modules), "-I", str(ROOT / "Sources/CLinux"), "-I", str(ROOT / "Sources/CCurl")]
    if "import PackageDescription" in imports:
        command += ["-I", str(toolchain / "lib/swift/pm/ManifestAPI"), "-package-description-version", "6.2"]
    if "import Testing" in imports:
        plugins = toolchain / "lib/swift/host/plugins"
        command += ["-parse-as-library", "-plugin-path", str(plugins)]
        library = next(plugins.rglob("libTestingMacros.*"), None)
        command += ["-load-plugin-library", str(library)] if library else []
    done = subprocess.run([*command, str(file)], capture_output=True, text=True)
    errors = [line for line in done.stderr.split("\n") if "error:" in line]
    return f"{place}: {errors[0] if errors else done.stderr[-500:]}" if done.returncode else None


def swift_problems(all_blocks, work):
    programs = []
    for block in all_blocks:
        if (file := block.note("file")) and block.text != (ROOT / file.strip()).read_text():
            yield f"{block.place}: is not {file.strip()}"
        given = block.note("given") or ""
        if block.note("continues") is not None and programs:
            programs[-1] = (programs[-1][0], programs[-1][1] + given + "\n" + block.text)
        else:
            programs.append((block.place, given + "\n" + block.text))
    show = subprocess.run(["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = pathlib.Path(show.stdout.strip()) / "Modules"
    toolchain = pathlib.Path(shutil.which("swift")).resolve().parent.parent
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(compile_swift, program, work / f"snippet{n}.swift", modules, toolchain) for n, program in enumerate(programs)
        ]
        yield from (problem for job in jobs if (problem := job.result()))


# -- shell ------------------------------------------------------------------------------------------------------------


class Shell:
    """What the programs, the Makefile and the scripts understand, by their own words."""

    def __init__(self):
        makefile = (ROOT / "Makefile").read_text()
        self.targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
        self.help = {}
        for name in stage.PROGRAMS:
            text = subprocess.run([stage.binary(name), "--help"], capture_output=True, text=True, check=True).stdout
            self.help[name] = set(re.findall(r"--[a-z][a-z-]*", text))
        self.variables = {"PATH", "HOME", "USER", "PWD"} | {flag[2:].upper().replace("-", "_") for flags in self.help.values() for flag in flags}
        for file in [ROOT / "Makefile", *(ROOT / "scripts").glob("*.sh"), *(ROOT / "scripts").glob("*.py"), *(ROOT / "Tests").rglob("*.swift")]:
            self.variables |= set(re.findall(r"\b[A-Z][A-Z0-9_]{2,}\b", file.read_text(errors="replace")))

    def problems(self, block):
        syntax = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        if syntax.returncode:
            yield f"{block.place}: {syntax.stderr.strip()}"
            return
        for line in block.text.replace("\\\n", " ").split("\n"):
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
            lexer.whitespace_split = True
            command = []
            for token in [*lexer, ";"]:
                if set(token) <= set("|&;()"):
                    yield from (f"{block.place}: {problem}" for problem in self.command(command))
                    command = []
                else:
                    command.append(token)

    def command(self, words):
        while words and words[0] in {"until", "while", "if", "!", "do", "then", "else", "done", "fi"}:
            words.pop(0)
        while words and re.match(r"[A-Z_a-z0-9]+=", words[0]):
            name = words.pop(0).partition("=")[0]
            if name.isupper() and name not in self.variables:
                yield f"no program knows the variable {name}"
        if not words:
            return
        program, *arguments = words
        name = program.removeprefix("./").removeprefix(".build/release/")
        if name == "make":
            for argument in arguments:
                target, _, value = argument.partition("=")
                if value and target not in self.variables:
                    yield f"no script knows the variable {target}"
                elif "=" not in argument and argument not in self.targets:
                    yield f"there is no target {argument}"
        elif name in self.help:
            for argument in arguments:
                flag = argument.partition("=")[0]
                if flag.startswith("--") and flag not in self.help[name]:
                    yield f"{name} has no flag {flag}"
        elif program.startswith(("scripts/", ".ci/", "Tests/")):
            if not os.access(ROOT / program, os.X_OK):
                yield f"there is no program {program}"
        elif name not in FOREIGN and shutil.which(name) is None:
            yield f"there is no program {program}"


# -- all --------------------------------------------------------------------------------------------------------------


def unknown_metrics():
    """Names of metrics in the guide that no program has."""
    sources = "".join(file.read_text() for file in (ROOT / "Sources").rglob("*.swift"))
    known = set(re.findall(r'"((?:telemetry_mq|telemetry_feed|gateway|streamer|collector)_[a-z_]+)"', sources))
    for page in guide.pages():
        for number, line in enumerate(page.read_text().split("\n"), 1):
            for name in re.findall(r"\b(?:telemetry_mq|telemetry_feed|gateway|streamer|collector)_[a-z_]+", line):
                if name not in known:
                    yield f"{page.relative_to(ROOT)}:{number}: no program has the metric {name}"


def problems():
    found, by_language, staged = list(unknown_metrics()), {}, []
    for page in guide.pages():
        of_page = list(blocks(page))
        for block in of_page:
            by_language.setdefault(block.language, []).append(block)
            if block.language not in LANGUAGES | {"heading"}:
                found.append(f"{block.place}: a block of '{block.language}'; known: {', '.join(sorted(LANGUAGES))}")
        if any(block.note("run") is not None or block.note("prints") is not None for block in of_page):
            staged.append(page)
    for block in by_language.get("json", []):
        if "…" not in block.text:
            try:
                json.loads(block.text)
            except ValueError as error:
                found.append(f"{block.place}: {error}")
    for block in by_language.get("python", []):
        compile(block.text, block.place, "exec")
    shell = Shell()
    for block in by_language.get("sh", []):
        found += shell.problems(block)
    with tempfile.TemporaryDirectory() as work:
        found += swift_problems(by_language.get("swift", []), pathlib.Path(work))
    count = len(by_language.get("swift", [])), len(by_language.get("sh", []))
    ran = 0
    if staged and not stage.is_possible():
        print("guide: this system gives no process a network of its own (unshare --net); what the guide runs is left out")
        staged = []
    for page in staged:
        of_page = list(blocks(page))
        page_problems, page_ran = stage.run_page(page, of_page)
        found += page_problems
        ran += page_ran
    print(f"guide: {count[0]} Swift blocks compiled, {count[1]} shell blocks checked, {ran} blocks and messages of them run")
    return found
