#!/usr/bin/env bash
# The durability proofs at length: `make test` runs them in a short form. FAULT_ROUNDS kills of the server for each sync policy
# (default 300); FAULT_SEED repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

export FAULT_ROUNDS=${FAULT_ROUNDS:-300}
swift build --build-tests
exec swift test --skip-build --disable-xctest --filter 'CrashTests|FullDeviceTests|SlowConsumerTests|HalfOpenTests|ConnectionFloodTests|FuzzTests|StorageFaultTests|DurabilityTests|DamagedFileTests|FlippedBitTests|ClockTests|SealedSegmentTests|MessageLogTests|ServerTests|ClientFaultTests|SubscriptionFaultTests'
