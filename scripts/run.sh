#!/usr/bin/env bash
# Runs the whole pipeline on this machine until Ctrl-C:
#
#   streamer -> mq-server -> api                            (memory store, no database)
#   streamer -> mq-server -> collector -> InfluxDB -> api   (if INFLUXDB_URL is set)
#
# Environment: CSV or SOURCE (a file, a directory, a pattern, or the address of an exporter), INFLUXDB_URL, TCP_PORT,
# HTTP_PORT, API_PORT, MQ_DATA_DIR (default: a fresh one for every run), STREAMER_HTTP_PORT (default: a free one),
# RUN_DIR (logs; default: .run), BIN (programs; default: a release build), and every variable of the four programs.
set -uo pipefail
cd "$(dirname "$0")/.."

run_dir=${RUN_DIR:-$PWD/.run} bin=${BIN:-} streamer_port="" pause="" ended="" last=""
source=${CSV:-${SOURCE:-${CSV_PATH:-$PWD/deploy/sample/dcgm_sample.csv}}}
export TCP_HOST=${TCP_HOST:-127.0.0.1} TCP_PORT=${TCP_PORT:-9000}
export HTTP_HOST=${HTTP_HOST:-127.0.0.1} HTTP_PORT=${HTTP_PORT:-9001}
export API_HOST=${API_HOST:-127.0.0.1} API_PORT=${API_PORT:-8080}
export MQ_HOST=${MQ_HOST:-127.0.0.1} MQ_PORT=$TCP_PORT
storage=${INFLUXDB_URL:+influxdb}
storage=${storage:-memory}
declare -A pids=()

fail() { echo "run: $*" >&2; exit 1; }

# A URL without user, password and query.
redacted() { sed -E 's#^([a-z0-9]+://)([^/?]*@)?([^?]*)(\?.*)?$#\1\3#' <<<"$1"; }

# start NAME VARIABLE=VALUE...: the programs inherit the lock, so that none is left of an earlier run.
start() {
    local name=$1
    shift
    : >"$run_dir/$name.log"
    env "$@" "$bin/$name" </dev/null >>"$run_dir/$name.log" 2>&1 &
    pids[$name]=$!
}

# Asks the programs to drain, in the order of the data, and insists after 20 s.
stop_all() {
    trap - EXIT
    [[ -n $pause ]] && kill "$pause" 2>/dev/null
    ((${#pids[@]})) || return
    [[ -t 1 ]] && printf '\r\033[K'
    echo "run: draining"
    local name pid
    for name in streamer collector api mq-server; do
        pid=${pids[$name]:-}
        [[ -n $pid ]] && kill -TERM "$pid" 2>/dev/null || continue
        timeout 20 tail --pid "$pid" -s 0.05 -f /dev/null || kill -KILL "$pid"
        wait "$pid" || echo "run: $name ended with code $?; its log: $run_dir/$name.log" >&2
    done
    echo "run: all stopped"
}
trap stop_all EXIT
trap 'exit 0' INT TERM HUP

# get HOST PORT PATH: the body of an HTTP response; fails unless its status is 2xx.
get() {
    local host=${1/#0.0.0.0/127.0.0.1} response
    response=$(
        exec 2>/dev/null 3<>"/dev/tcp/$host/$2" || exit 1
        printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n' \
            "$3" "$host" "$2" "${API_TOKEN:-}" >&3
        timeout 5 cat <&3
    ) || return 1
    [[ $response =~ ^HTTP/1\.[01]\ 2 ]] && printf '%s' "${response#*$'\r\n\r\n'}"
}

# Ends everything if a program has ended by itself; the streamer may, at the end of a file.
check_alive() {
    local name pid code
    for name in "${!pids[@]}"; do
        pid=${pids[$name]}
        kill -0 "$pid" 2>/dev/null && continue
        wait "$pid"
        code=$?
        unset "pids[$name]"
        [[ $name == streamer && $code == 0 ]] && { ended=" (streamer has read the file)"; continue; }
        [[ -t 1 ]] && printf '\r\033[K'
        tail -n 10 "$run_dir/$name.log" | sed 's/^/    /' >&2
        fail "$name ended with code $code; above are the last lines of $run_dir/$name.log"
    done
}

# wait_for NAME SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null; do
        check_alive
        ((SECONDS < deadline)) || fail "$name is not ready: $*; its log: $run_dir/$name.log"
        sleep 0.1
    done
}

# number NAME TEXT: the first number of that name in JSON, a log line or metrics, or 0.
number() { [[ $2 =~ $1\"?[:=\ ]([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo 0; }
statistics() { get "$API_HOST" "$API_PORT" /api/v1/stats; }
has_read_the_log() { [[ $storage == influxdb || $(statistics) =~ \"lag\":0[^0-9] ]]; }
# From the line that names its port on, the streamer handles signals.
is_listening() {
    [[ $(<"$run_dir/streamer.log") =~ listening.*http\"?[=:]\"?[^[:space:]\"]*:([0-9]+) ]] &&
        streamer_port=${BASH_REMATCH[1]}
}
# The samples that the queue has acknowledged, as the streamer reports them, or has logged at its end.
published() {
    local metrics
    if metrics=$(get "$HTTP_HOST" "$streamer_port" /metrics); then number streamer_rows_published_total "$metrics"
    else number published "$(grep finished "$run_dir/streamer.log")"; fi
}

scripts/setup.sh build || exit 1
[[ $source == - ]] && fail "standard input cannot be read here; name a file: make run CSV=path"
# The streamer itself reports what is wrong with a pattern, an address, or the files in a directory.
[[ $source == http?(s)://* || $source == *[\*\?\[]* || -r $source ]] || fail "cannot read $(redacted "$source")"
for variable in TCP_PORT HTTP_PORT API_PORT; do
    if (exec 3<>"/dev/tcp/127.0.0.1/${!variable}") 2>/dev/null; then
        fail "port ${!variable} is in use; choose another: make run $variable=N"
    fi
done
if [[ -z $bin ]]; then
    echo "run: building the release (the first time takes some minutes)"
    swift build -c release || exit 1
    bin=$(swift build -c release --show-bin-path)
fi
if [[ -z ${SWAGGER_UI_DIR:-} ]] && scripts/fetch-swagger-ui.sh; then export SWAGGER_UI_DIR=$PWD/.run/swagger-ui; fi
mkdir -p "$run_dir" && exec 9>"$run_dir/lock" || exit 1
flock -n 9 || fail "another run uses $run_dir; choose another: RUN_DIR=path"
[[ -n ${MQ_DATA_DIR:-} ]] || rm -rf "$run_dir/mq-data"
export MQ_DATA_DIR=${MQ_DATA_DIR:-$run_dir/mq-data}

# From the end of the pipeline to its beginning.
start mq-server
wait_for mq-server 30 get "$HTTP_HOST" "$HTTP_PORT" /health
start api STORAGE="$storage"
wait_for api 30 get "$API_HOST" "$API_PORT" /health
# What the log or the database has from earlier runs is not what this one publishes.
wait_for api 30 has_read_the_log
before=$(number sample_count "$(statistics)")
[[ $storage == influxdb ]] && start collector
# HTTP_PORT is that of mq-server.
start streamer SOURCE="$source" CSV_PATH= HTTP_PORT="${STREAMER_HTTP_PORT:-0}" \
    STREAM_INTERVAL="${STREAM_INTERVAL:-1s}" PROGRESS_INTERVAL="${PROGRESS_INTERVAL:-500ms}"
wait_for streamer 10 is_listening

base=http://${API_HOST/#0.0.0.0/localhost}:$API_PORT
cat <<END
run: the pipeline is up, fed from $(redacted "$source")
    dashboard    $base/
    API          $base/api/v1/gpus
    Swagger      $base/swagger/index.html
    queue        http://${HTTP_HOST/#0.0.0.0/localhost}:$HTTP_PORT/stats  (TCP $TCP_HOST:$TCP_PORT)
    storage      $storage $(redacted "${INFLUXDB_URL:-}")
    logs         $run_dir/*.log
Ctrl-C ends it.
END

for ((ticks = 0; ; ticks++)); do
    check_alive
    stats=$(statistics) || stats=""
    stored=$(number sample_count "$stats")
    ((stored >= before)) && stored=$((stored - before))
    # Asked after the api: what it has may have been delivered before the streamer knows that it was acknowledged.
    for ((i = 0; i < 20; i++)); do
        rows=$(published)
        ((rows >= stored)) && break || sleep 0.05
    done
    line="published $rows rows · stored $stored"
    ((before)) && line+=" · from before $before"
    line+=" · GPUs $(number gpu_count "$stats")$ended"
    if [[ -t 1 ]]; then
        printf '\r\033[K%s' "$line"
    elif ((ticks % 3 == 0)) && [[ $line != "$last" ]]; then
        echo "run: $line"
        last=$line
    fi
    # In the background, so that a signal is handled at once.
    sleep 1 &
    pause=$!
    wait "$pause"
done
