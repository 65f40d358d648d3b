#!/usr/bin/env bash
# Runs the tests with coverage. Prints, by folder, the share of lines they reach, last that of all; the lines themselves are in
# .run/coverage/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/test-groups.sh

# The toolchain's own: another LLVM does not read its profiles.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
cov=$toolchain/llvm-cov
profdata=$toolchain/llvm-profdata
swift build --build-tests --enable-code-coverage
profile=$(dirname "$(swift test --show-codecov-path)")/default.profdata
tests=$(find "$(swift build --show-bin-path)" -maxdepth 1 -name '*.xctest' | head -n 1)

rm -rf .run/coverage
mkdir -p .run/coverage
run=(swift test --skip-build --disable-xctest --enable-code-coverage)
# Each run begins with a profile of its own.
for i in "${!test_groups[@]}"; do
    "${run[@]}" ${test_groups[i]}
    cp "$profile" ".run/coverage/$i.profdata"
done
"$profdata" merge -o .run/coverage/all.profdata .run/coverage/?.profdata

"$cov" show "$tests" -instr-profile=.run/coverage/all.profdata -format=html -output-dir=.run/coverage "$PWD/Sources" >/dev/null
"$cov" export "$tests" -instr-profile=.run/coverage/all.profdata -summary-only "$PWD/Sources" | python3 -c '
import collections, json, os, sys

folders = collections.defaultdict(lambda: [0, 0])
for file in json.load(sys.stdin)["data"][0]["files"]:
    lines = file["summary"]["lines"]
    for name in (os.path.dirname(os.path.relpath(file["filename"])), "all"):
        folders[name][0] += lines["covered"]
        folders[name][1] += lines["count"]
for name, (covered, count) in sorted(folders.items(), key=lambda item: (item[0] == "all", item[0])):
    print(f"{name:44} {covered:6} of {count:6} lines  {100 * covered / max(count, 1):5.1f} %")
'
echo "coverage: .run/coverage/index.html"
