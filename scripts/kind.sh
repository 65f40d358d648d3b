#!/usr/bin/env bash
# A cluster on this machine, and the system in it: `kind.sh setup|load|deploy|undeploy|status|delete|build`; make has a target for each.
# CSV names the export that is copied into the cluster (a file or a directory; default: the sample).
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=gpu-telemetry
namespace=gpu-telemetry
version=$(sed -n 's/^version: //p' deploy/helm/gpu-telemetry/Chart.yaml)

# Those that are there must also reach what they speak to; the clusters of kind are asked for by name later.
answers() {
    if [[ " $* " == *" docker "* ]] && ! docker info >/dev/null 2>&1; then
        echo "make: docker reaches no engine; see 'docker info'" >&2
        exit 1
    fi
    if [[ " $* " == *" kubectl "* && " $* " != *" kind "* ]] && ! "${kubectl[@]}" version >/dev/null 2>&1; then
        echo "make: kubectl reaches no cluster; see 'kubectl config get-contexts', or make one: make kind-setup" >&2
        exit 1
    fi
}

need() {
    local missing=() program
    for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
    if ((${#missing[@]} == 0)); then
        answers "$@"
        return
    fi
    echo "make: missing: ${missing[*]}" >&2
    for program in "${missing[@]}"; do
        case $program in
            docker) echo "  docker: https://docs.docker.com/engine/install" >&2 ;;
            kind) echo "  kind: https://kind.sigs.k8s.io/docs/user/quick-start/#installation" >&2 ;;
            kubectl) echo "  kubectl: https://kubernetes.io/docs/tasks/tools" >&2 ;;
            *) echo "  $program: of your system's packages" >&2 ;;
        esac
    done
    exit 1
}

build() {
    need docker
    local program
    for program in mq-server streamer collector api; do
        docker build --file deploy/docker/Dockerfile --target "$program" --tag "gpu-telemetry/$program:$version" \
            --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
    done
}

load() {
    need docker kind
    kind load docker-image --name "$cluster" "${images[@]}" && return
    # With Docker's containerd image store, kind cannot export some images by name; an archive of them it can load.
    echo "make: kind could not load the images by name; loading an archive of them" >&2
    # A file, since kind reads an archive more than once.
    local archive
    archive=$(mktemp --suffix .tar)
    docker save --output "$archive" "${images[@]}" && kind load image-archive --name "$cluster" "$archive"
    local status=$?
    rm -f "$archive"
    return "$status"
}

copy_csv() {
    local csv=${CSV:-deploy/sample} node=$cluster-control-plane
    docker exec "$node" mkdir -p /var/lib/gpu-telemetry-exports
    if [[ -d $csv ]]; then docker cp "$csv/." "$node:/var/lib/gpu-telemetry-exports"; else docker cp "$csv" "$node:/var/lib/gpu-telemetry-exports"; fi
    # Whoever the streamer runs as.
    docker exec "$node" chmod -R a+rX /var/lib/gpu-telemetry-exports
    "${kubectl[@]}" apply --filename deploy/kind/exports.yaml
}

# Tokens are made once, and stay when everything is deployed again: the database knows them.
make_secret() {
    "${kubectl[@]}" --namespace "$namespace" get secret gpu-telemetry >/dev/null 2>&1 && return
    local directory
    directory=$(mktemp -d)
    local key
    for key in mq-token influxdb-token influxdb-password; do openssl rand -hex 32 | tr -d '\n' >"$directory/$key"; done
    "${kubectl[@]}" --namespace "$namespace" create secret generic gpu-telemetry --from-file "$directory"
    rm -rf "$directory"
}

deploy() {
    need kubectl openssl
    "${kubectl[@]}" apply --filename deploy/k8s/namespace.yaml
    make_secret
    "${kubectl[@]}" apply --filename deploy/k8s/gpu-telemetry.yaml
}

# The current context of kubectl, or that of KUBE_CONTEXT.
kubectl=(kubectl ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"})
images=()
for program in mq-server streamer collector api; do images+=("gpu-telemetry/$program:$version"); done

case ${1:-} in
    build) build ;;
    load) load ;;
    deploy) deploy ;;
    setup)
        need docker kind kubectl openssl
        kind get clusters | grep -qx "$cluster" || kind create cluster --config deploy/kind/cluster.yaml
        build
        load
        kubectl=(kubectl --context "kind-$cluster")
        "${kubectl[@]}" apply --filename deploy/k8s/namespace.yaml
        copy_csv
        deploy
        "${kubectl[@]}" --namespace "$namespace" rollout status deployment/gpu-telemetry-api --timeout 5m
        echo "The dashboard is at http://localhost:30080/, the API at http://localhost:30080/api/v1/gpus, InfluxDB at http://localhost:30086/"
        ;;
    undeploy)
        need kubectl
        # The claims, and with them the data, stay: kubectl delete namespace takes them too.
        "${kubectl[@]}" delete --ignore-not-found --filename deploy/k8s/gpu-telemetry.yaml
        ;;
    status)
        need kubectl
        "${kubectl[@]}" --namespace "$namespace" get pods,services,statefulsets,deployments,hpa,pvc
        ;;
    delete)
        need kind
        kind delete cluster --name "$cluster"
        ;;
    *) echo "kind.sh: build, setup, load, deploy, undeploy, status or delete" >&2; exit 64 ;;
esac
