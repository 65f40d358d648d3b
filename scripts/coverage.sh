#!/usr/bin/env bash
# Runs the tests with coverage, that of the programs that they start too. Prints, by folder, the share of lines they reach, last that of all;
# the lines themselves are in .run/coverage/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/test-groups.sh

# The toolchain's own: another LLVM does not read its profiles.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
swift build --build-tests --enable-code-coverage
built=$(swift build --show-bin-path)
# What ran: the tests, and the programs.
objects=("$(find "$built" -maxdepth 1 -name '*.xctest')")
for program in mq-server streamer collector api; do objects+=(-object "$built/$program"); done

rm -rf .run/coverage
mkdir -p .run/coverage
export LLVM_PROFILE_FILE="$PWD/.run/coverage/raw/%p-%m.profraw"
for group in "${test_groups[@]}"; do swift test --skip-build --disable-xctest $group; done
# A program that was killed while it wrote its profile has left a part of it.
"$toolchain/llvm-profdata" merge --failure-mode=all --sparse -o .run/coverage/all.profdata .run/coverage/raw
rm -rf .run/coverage/raw

"$toolchain/llvm-cov" show "${objects[@]}" -instr-profile=.run/coverage/all.profdata -format=html -output-dir=.run/coverage "$PWD/Sources" >/dev/null
"$toolchain/llvm-cov" export "${objects[@]}" -instr-profile=.run/coverage/all.profdata -summary-only "$PWD/Sources" | python3 -c '
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
