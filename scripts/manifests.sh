#!/usr/bin/env bash
# Prints what deploy/k8s/gpu-telemetry.yaml has to be: the chart with deploy/k8s/values.yaml.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh helm >&2
echo "# Made from deploy/helm/gpu-telemetry by \`make manifests\`, with deploy/k8s/values.yaml."
.run/helm template gpu-telemetry deploy/helm/gpu-telemetry -n gpu-telemetry --values deploy/k8s/values.yaml |
    sed 's/managed-by: Helm$/managed-by: kubectl/'
