#!/usr/bin/env bash
# Installs the system packages that are missing: `setup.sh build`, `setup.sh build tests`. Silent when nothing is.
set -euo pipefail

packages=()
for purpose in "$@"; do
    case $purpose in
        build)
            packages+=(libcurl4-openssl-dev)
            # Without it the build works too, but warns that it cannot ask where libcurl is.
            command -v pkg-config >/dev/null || packages+=(pkg-config)
            ;;
        tests) packages+=(chromium curl faketime fonts-dejavu-core influxdb libnginx-mod-stream nginx openssl prometheus python3 python3-venv strace victoria-metrics) ;;
        docs) packages+=(python3) ;;
        schemathesis) packages+=(python3 python3-venv) ;;
        deploy) packages+=(python3 python3-venv) ;;
        images) packages+=(buildah catatonit debootstrap podman python3 python3-venv runc) ;;
        bench-mq) packages+=(redis-server python3 python3-venv) ;;
        bench-http) packages+=(nginx nodejs python3 wrk) ;;
        bench-influx) packages+=(influxdb curl python3) ;;
        bench-ingest) packages+=(gcc libc6-dev python3 python3-venv) ;;
        *) echo "setup.sh: unknown purpose '$purpose'; known: build, tests, docs, deploy, images, schemathesis, bench-http, bench-influx, bench-mq, bench-ingest" >&2; exit 64 ;;
    esac
done

if ! command -v swift >/dev/null; then
    echo "setup: there is no swift in PATH; the toolchain (6.2 or newer) is at https://www.swift.org/install" >&2
    exit 1
fi

# Elsewhere than on Debian and its kin the packages have other names; the build itself tells what it misses.
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

missing=()
for package in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing packages: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

install() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; }

echo "setup: installing ${missing[*]} with apt-get"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The package lists of a fresh machine are empty or old; where they serve, they are not fetched again.
if ! install </dev/null >"$log" 2>&1; then
    echo "setup: updating the package lists"
    if ! { "${as_root[@]}" apt-get update -q && install; } </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: could not install ${missing[*]}" >&2
        exit 1
    fi
fi
