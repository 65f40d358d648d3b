#!/usr/bin/env bash
# Renders the guide and the interface of both products into .run/docs, by the docc of the toolchain. A public symbol without a comment, a
# link that leads nowhere and every warning of docc is an error. The pages want a server, as the last line says.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=(TelemetryKit TelemetryMQ)
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
work=.run/docs-work
rm -rf "$work"
mkdir -p "$work/graphs"

scripts/guide.py links
for module in "${modules[@]}"; do swift build --target "$module"; done
target=$(swiftc -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["triple"])')
for module in "${modules[@]}"; do
    "$toolchain/swift-symbolgraph-extract" -module-name "$module" -target "$target" -I "$(swift build --show-bin-path)/Modules" -I Sources/CLinux -I Sources/CCurl \
        -minimum-access-level public -skip-synthesized-members -output-dir "$work/graphs"
done
scripts/guide.py symbols "$work"/graphs/{TelemetryKit,TelemetryMQ}.symbols.json
scripts/guide.py catalogue "$work/Guide.docc" "${modules[@]}"
rm -rf .run/docs
"$toolchain/docc" convert "$work/Guide.docc" --additional-symbol-graph-dir "$work/graphs" --output-dir .run/docs \
    --fallback-display-name "GPU telemetry" --fallback-bundle-identifier gpu-telemetry --warnings-as-errors
scripts/guide.py rendered .run/docs
echo "docs: python3 -m http.server --directory .run/docs 8000, then http://localhost:8000/documentation/guide"
