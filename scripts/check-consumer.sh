#!/usr/bin/env bash
# Builds and runs Tests/Consumer, a package that imports TelemetryMQ alone, and checks that it needs neither libcurl
# nor Foundation.
set -euo pipefail
cd "$(dirname "$0")/.."

build=(swift build --package-path Tests/Consumer --scratch-path .build-consumer)
"${build[@]}"
program=$("${build[@]}" --show-bin-path)/Consumer
"$program"
needs=$(ldd "$program")
for library in libcurl libFoundation; do
    if grep -q "$library" <<<"$needs"; then
        echo "check-consumer: $program is linked to $library" >&2
        exit 1
    fi
done
