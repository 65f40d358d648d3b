#!/usr/bin/env bash
# Runs the tests with coverage. Prints, by folder, the share of lines they reach, last that of all; the lines themselves are in
# .run/coverage/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."

swift test --disable-xctest --enable-code-coverage
report=$(swift test --show-codecov-path)
tests=$(find "$(swift build --show-bin-path)" -maxdepth 1 -name '*.xctest' | head -n 1)
cov=$(command -v llvm-cov || echo "$(dirname "$(readlink -f "$(command -v swift)")")/llvm-cov")
rm -rf .run/coverage
"$cov" show "$tests" -instr-profile="$(dirname "$report")/default.profdata" -format=html -output-dir=.run/coverage "$PWD/Sources"
python3 - "$report" <<'PY'
import collections, json, os, sys

folders = collections.defaultdict(lambda: [0, 0])
for file in json.load(open(sys.argv[1]))["data"][0]["files"]:
    path = os.path.relpath(file["filename"])
    if not path.startswith("Sources/"):
        continue
    lines = file["summary"]["lines"]
    for name in (os.path.dirname(path), "all"):
        folders[name][0] += lines["covered"]
        folders[name][1] += lines["count"]
for name, (covered, count) in sorted(folders.items(), key=lambda item: (item[0] == "all", item[0])):
    print(f"{name:44} {covered:6} of {count:6} lines  {100 * covered / max(count, 1):5.1f} %")
PY
echo "coverage: .run/coverage/index.html"
