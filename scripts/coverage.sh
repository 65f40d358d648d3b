#!/usr/bin/env bash
# Runs the tests with coverage, including that of the programs that they start. Prints the share of lines that they
# reach; those of folders and files, and the lines themselves, are in .run/coverage/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."

rm -rf .run/coverage
export LLVM_PROFILE_FILE="$PWD/.run/coverage/raw/%p-%m.profraw"
scripts/test.sh
# The toolchain's own: another LLVM does not read its profiles.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")") built=$(swift build --show-bin-path)
objects=("$(find "$built" -maxdepth 1 -name '*.xctest')" -instr-profile=.run/coverage/all.profdata "$PWD/Sources")
for program in mq-server streamer collector api; do objects+=(-object "$built/$program"); done
# A program that was killed while it wrote its profile has left a part of it.
"$toolchain/llvm-profdata" merge --failure-mode=all --sparse -o .run/coverage/all.profdata .run/coverage/raw
rm -rf .run/coverage/raw
"$toolchain/llvm-cov" show "${objects[@]}" -format=html -show-directory-coverage -output-dir=.run/coverage >/dev/null
"$toolchain/llvm-cov" export "${objects[@]}" -summary-only |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["data"][0]["totals"]["lines"])'
