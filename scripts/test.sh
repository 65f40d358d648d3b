#!/usr/bin/env bash
# Builds the package with its tests and runs them. Arguments go to `swift test`: `scripts/test.sh --filter EndToEnd`.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/test-groups.sh

# One build makes the test bundle and the programs that the end-to-end tests start.
swift build --build-tests
run=(swift test --skip-build --disable-xctest)
(($#)) && exec "${run[@]}" "$@"
scripts/guide.py check
scripts/check-consumer.sh
for group in "${test_groups[@]}"; do "${run[@]}" $group; done
