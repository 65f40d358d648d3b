#!/usr/bin/env bash
# Runs the tests with coverage, including that of the programs that they start. Prints the share of lines that they
# reach for each folder and for all; the lines themselves are in .run/coverage/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/test-groups.sh

# The toolchain's own: another LLVM does not read its profiles.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
swift build --build-tests --enable-code-coverage
built=$(swift build --show-bin-path)
objects=("$(find "$built" -maxdepth 1 -name '*.xctest')")
for program in mq-server streamer collector api; do objects+=(-object "$built/$program"); done
objects+=(-instr-profile=.run/coverage/all.profdata "$PWD/Sources")

rm -rf .run/coverage
mkdir -p .run/coverage
export LLVM_PROFILE_FILE="$PWD/.run/coverage/raw/%p-%m.profraw"
for group in "${test_groups[@]}"; do swift test --skip-build --disable-xctest $group; done
# A program that was killed while it wrote its profile has left a part of it.
"$toolchain/llvm-profdata" merge --failure-mode=all --sparse -o .run/coverage/all.profdata .run/coverage/raw
rm -rf .run/coverage/raw
"$toolchain/llvm-cov" show "${objects[@]}" -format=html -output-dir=.run/coverage >/dev/null
"$toolchain/llvm-cov" export "${objects[@]}" -summary-only | python3 -c '
import collections, json, os, sys

covered, count = collections.Counter(), collections.Counter()
for file in json.load(sys.stdin)["data"][0]["files"]:
    for name in (os.path.dirname(os.path.relpath(file["filename"])), "~ all"):
        covered[name] += file["summary"]["lines"]["covered"]
        count[name] += file["summary"]["lines"]["count"]
for name in sorted(count):
    print(f"{name:44} {covered[name]:6} of {count[name]:6} lines  {100 * covered[name] / max(count[name], 1):5.1f} %")
'
echo "coverage: .run/coverage/index.html"
