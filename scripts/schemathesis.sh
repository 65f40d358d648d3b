#!/usr/bin/env bash
# Tries the gateway's interface by its own OpenAPI document with schemathesis (PyPI), on the sample, for
# SCHEMATHESIS_SECONDS (default 600). A gateway that runs elsewhere is tried with URL=http://host:port UUID=GPU-….
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
pids=()
finish() {
    ((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null && wait "${pids[@]}" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# port LOG: the port that a program took, from its log.
port() {
    local deadline=$((SECONDS + 30)) found
    until found=$(sed -nE "s/.*$2=[^ ]*:([0-9]+).*/\1/p" "$1" | head -n 1) && [[ -n $found ]]; do
        ((SECONDS < deadline)) || { cat "$1" >&2; exit 1; }
        sleep 0.1
    done
    echo "$found"
}

if [[ -z ${URL:-} ]]; then
    bin=$(swift build -c release --show-bin-path)
    TCP_PORT=0 HTTP_PORT=0 TCP_HOST=127.0.0.1 HTTP_HOST=127.0.0.1 "$bin/mq-server" 2>"$work/mq.log" & pids+=($!)
    export MQ_HOST=127.0.0.1 MQ_PORT
    MQ_PORT=$(port "$work/mq.log" tcp)
    API_PORT=0 API_HOST=127.0.0.1 "$bin/api" 2>"$work/api.log" & pids+=($!)
    URL=http://127.0.0.1:$(port "$work/api.log" http)
    SOURCE=deploy/sample/dcgm_sample.csv LOOP=false TIMESTAMPS=source "$bin/streamer" 2>"$work/streamer.log"
    UUID=$(sed -n 2p deploy/sample/dcgm_sample.csv | grep -o 'GPU-[0-9a-f-]*' | head -n 1)
fi

sed "s/@UUID@/${UUID:-GPU-0}/" scripts/schemathesis.toml >"$work/schemathesis.toml"
# The stream has no end to wait for.
.run/python/bin/schemathesis --config-file "$work/schemathesis.toml" run "$URL/openapi.json" --url "$URL" \
    --exclude-path /api/v1/stream --max-time "${SCHEMATHESIS_SECONDS:-600}" --no-color
