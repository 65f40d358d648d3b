#!/usr/bin/env bash
# The durability proofs at length: `make test` runs them in a short form. FAULT_ROUNDS kills of the server for each sync
# policy (default 300); FAULT_SEED repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

export FAULT_ROUNDS=${FAULT_ROUNDS:-300}
suites='Crash|FullDevice|SlowConsumer|HalfOpen|ConnectionFlood|Fuzz|StorageFault|Durability|DamagedFile|FlippedBit'
suites+='|Clock|SealedSegment|MessageLog|Server|ClientFault|SubscriptionFault'
swift build --build-tests
exec swift test --skip-build --disable-xctest --filter "($suites)Tests"
