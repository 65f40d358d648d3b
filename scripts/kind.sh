#!/usr/bin/env bash
# A cluster on this machine, and the system in it: `kind.sh setup|load|deploy|undeploy|status|delete|build`; make has a
# target for each. CSV names the export that is copied into the cluster (a file or a directory; default: the sample).
# KUBE_CONTEXT names a context of kubectl that is not the current one.
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=gpu-telemetry namespace=gpu-telemetry version=$(sed -n 's/^version: //p' deploy/helm/gpu-telemetry/Chart.yaml)
kubectl=(kubectl ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"})
programs=(mq-server streamer collector api)
images=("${programs[@]/#/gpu-telemetry/}")
images=("${images[@]/%/:$version}")

fail() {
    echo "make: $*" >&2
    exit 1
}

# Programs that must be installed, and reach what they talk to; kind's clusters are asked for by name later.
need() {
    local program
    for program in "$@"; do command -v "$program" >/dev/null || fail "$program is missing; see deploy/README.md"; done
    [[ " $* " != *" docker "* ]] || docker info >/dev/null 2>&1 || fail "docker reaches no engine; see 'docker info'"
    [[ " $* " != *" kubectl "* || " $* " == *" kind "* ]] || "${kubectl[@]}" version >/dev/null 2>&1 ||
        fail "kubectl reaches no cluster; see 'kubectl config get-contexts', or create one: make kind-setup"
}

build() {
    need docker
    local program
    for program in "${programs[@]}"; do
        docker build --file deploy/docker/Dockerfile --target "$program" --tag "gpu-telemetry/$program:$version" \
            --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
    done
}

load() {
    need docker kind
    kind load docker-image --name "$cluster" "${images[@]}" && return
    # With Docker's containerd image store, kind cannot export some images by name; it can load an archive of them. It
    # reads an archive more than once, so that a pipe does not do.
    echo "make: kind could not load the images by name; loading an archive of them" >&2
    archive=$(mktemp --suffix .tar)
    trap 'rm -f "$archive"' EXIT
    docker save --output "$archive" "${images[@]}" && kind load image-archive --name "$cluster" "$archive"
}

copy_csv() {
    local csv=${CSV:-deploy/sample} node=$cluster-control-plane exports=/var/lib/gpu-telemetry-exports
    [[ ! -d $csv ]] || csv+=/.
    docker exec "$node" mkdir -p $exports
    docker cp "$csv" "$node:$exports"
    # Whoever the streamer runs as.
    docker exec "$node" chmod -R a+rX $exports
    "${kubectl[@]}" apply --filename deploy/kind/exports.yaml
}

deploy() {
    need kubectl openssl
    "${kubectl[@]}" apply --filename deploy/k8s/namespace.yaml
    # Tokens are made once, and stay when everything is deployed again: the database knows them.
    if ! "${kubectl[@]}" --namespace "$namespace" get secret gpu-telemetry >/dev/null 2>&1; then
        secrets=$(mktemp -d)
        trap 'rm -rf "$secrets"' EXIT
        for key in mq-token influxdb-token influxdb-password; do
            openssl rand -hex 32 | tr -d '\n' >"$secrets/$key"
        done
        "${kubectl[@]}" --namespace "$namespace" create secret generic gpu-telemetry --from-file "$secrets"
    fi
    "${kubectl[@]}" apply --filename deploy/k8s/gpu-telemetry.yaml
}

case ${1:-} in
    build | load | deploy) "$1" ;;
    setup)
        need docker kind kubectl openssl
        kind get clusters | grep -qx "$cluster" || kind create cluster --config deploy/kind/cluster.yaml
        build
        (load)
        kubectl=(kubectl --context "kind-$cluster")
        "${kubectl[@]}" apply --filename deploy/k8s/namespace.yaml
        copy_csv
        deploy
        "${kubectl[@]}" --namespace "$namespace" rollout status deployment/gpu-telemetry-api --timeout 5m
        echo "The dashboard is at http://localhost:30080/, InfluxDB at http://localhost:30086/"
        ;;
    undeploy)
        need kubectl
        # The claims, and with them the data, stay: kubectl delete namespace removes them too.
        "${kubectl[@]}" delete --ignore-not-found --filename deploy/k8s/gpu-telemetry.yaml
        ;;
    status) need kubectl && "${kubectl[@]}" -n "$namespace" get pods,services,statefulsets,deployments,hpa,pvc ;;
    delete) need kind && kind delete cluster --name "$cluster" ;;
    *) echo "kind.sh: build, setup, load, deploy, undeploy, status or delete" >&2; exit 64 ;;
esac
