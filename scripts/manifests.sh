#!/usr/bin/env bash
# Renders the chart into deploy/k8s/gpu-telemetry.yaml, or into standard output: `scripts/manifests.sh [-]`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh helm >&2
render() {
    echo "# Made from deploy/helm/gpu-telemetry by \`make manifests\`, with deploy/k8s/values.yaml."
    .run/helm template gpu-telemetry deploy/helm/gpu-telemetry -n gpu-telemetry --values deploy/k8s/values.yaml |
        sed 's/managed-by: Helm$/managed-by: kubectl/'
}
if [[ ${1:-} == - ]]; then render; else
    manifests=$(render)
    printf '%s\n' "$manifests" >deploy/k8s/gpu-telemetry.yaml
fi
