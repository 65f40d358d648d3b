#!/usr/bin/env bash
# A cluster on this machine, and the system in it: `kind.sh setup|load|deploy|undeploy|status|delete|build`; make has a
# target for each. CSV names the export that is copied into the cluster (a file or a directory; default: the sample).
# KUBE_CONTEXT names a context of kubectl that is not the current one. deploy/README.md names what must be installed.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=gpu-telemetry version=$(sed -n 's/^version: //p' deploy/helm/gpu-telemetry/Chart.yaml)
programs=(mq-server streamer collector api)
kubectl() { command kubectl ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"} --namespace gpu-telemetry "$@"; }

build() {
    local program
    for program in "${programs[@]}"; do
        docker build --file deploy/docker/Dockerfile --target "$program" --tag "gpu-telemetry/$program:$version" \
            --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
    done
}

# As an archive: with Docker's containerd image store, kind cannot export some images by name. It reads the archive more
# than once, so that a pipe does not do.
load() {
    local images=("${programs[@]/#/gpu-telemetry/}")
    archive=$(mktemp --suffix .tar)
    trap 'rm -f "$archive"' EXIT
    docker save --output "$archive" "${images[@]/%/:$version}"
    kind load image-archive --name "$cluster" "$archive"
}

copy_csv() {
    local csv=${CSV:-deploy/sample} node=$cluster-control-plane exports=/var/lib/gpu-telemetry-exports
    [[ ! -d $csv ]] || csv+=/.
    docker exec "$node" mkdir -p $exports
    docker cp "$csv" "$node:$exports"
    # Whoever the streamer runs as.
    docker exec "$node" chmod -R a+rX $exports
    kubectl apply --filename deploy/kind/exports.yaml
}

deploy() {
    kubectl apply --filename deploy/k8s/namespace.yaml
    # Tokens are made once, and stay when everything is deployed again: the database knows them.
    if ! kubectl get secret gpu-telemetry >/dev/null 2>&1; then
        secrets=$(mktemp -d)
        trap 'rm -rf "$secrets"' EXIT
        for key in mq-token influxdb-token influxdb-password; do
            openssl rand -hex 32 | tr -d '\n' >"$secrets/$key"
        done
        kubectl create secret generic gpu-telemetry --from-file "$secrets"
    fi
    kubectl apply --filename deploy/k8s/gpu-telemetry.yaml
}

case ${1:-} in
    build | load | deploy) "$1" ;;
    setup)
        kind get clusters | grep -qx "$cluster" || kind create cluster --config deploy/kind/cluster.yaml
        build
        (load)
        KUBE_CONTEXT=kind-$cluster
        kubectl apply --filename deploy/k8s/namespace.yaml
        copy_csv
        deploy
        kubectl rollout status deployment/gpu-telemetry-api --timeout 5m
        echo "The dashboard is at http://localhost:30080/, InfluxDB at http://localhost:30086/"
        ;;
    # The claims, and with them the data, stay: kubectl delete namespace removes them too.
    undeploy) kubectl delete --ignore-not-found --filename deploy/k8s/gpu-telemetry.yaml ;;
    status) kubectl get pods,services,statefulsets,deployments,hpa,pvc ;;
    delete) kind delete cluster --name "$cluster" ;;
    *) echo "kind.sh: build, setup, load, deploy, undeploy, status or delete" >&2; exit 64 ;;
esac
