#!/usr/bin/env bash
# Builds the package with its tests and runs them. Arguments go to `swift test`: `scripts/test.sh --filter EndToEnd`.
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests at one time: among hundreds a test waits for a thread until its peers, or its own limits, give up.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8
# One build makes the test bundle and the programs that the end-to-end tests start.
swift build --build-tests ${LLVM_PROFILE_FILE:+--enable-code-coverage}
run=(swift test --skip-build --disable-xctest)
(($#)) && exec "${run[@]}" "$@"
if [[ -z ${LLVM_PROFILE_FILE:-} ]]; then
    scripts/guide.py check
    scripts/check-consumer.sh
fi
# In groups: else tests of servers would wait for tests that compute for long.
others=^FuzzTests\|^TelemetryKitTests\|^EndToEndTests
for group in --filter\ {^FuzzTests,^TelemetryKitTests,^EndToEndTests} "--skip $others"; do "${run[@]}" $group; done
