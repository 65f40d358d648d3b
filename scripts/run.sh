#!/usr/bin/env bash
# Runs the whole pipeline on this machine until Ctrl-C:
#
#   streamer -> mq-server -> api                            (memory store, no database)
#   streamer -> mq-server -> collector -> InfluxDB -> api   (INFLUXDB_URL is set)
#
# Environment: CSV or SOURCE (a file, a directory, a pattern, or the address of an exporter), INFLUXDB_URL, TCP_PORT, HTTP_PORT, API_PORT, MQ_DATA_DIR (default: a fresh one every run),
# STREAMER_HTTP_PORT (a free one), RUN_DIR (logs; default .run), and every variable of the four programs.
set -uo pipefail
cd "$(dirname "$0")/.."

root=$PWD
run_dir=${RUN_DIR:-$root/.run}
source=${CSV:-${SOURCE:-${CSV_PATH:-$root/deploy/sample/dcgm_sample.csv}}}
export TCP_HOST=${TCP_HOST:-127.0.0.1} TCP_PORT=${TCP_PORT:-9000}
export HTTP_HOST=${HTTP_HOST:-127.0.0.1} HTTP_PORT=${HTTP_PORT:-9001}
export API_HOST=${API_HOST:-127.0.0.1} API_PORT=${API_PORT:-8080}
export MQ_HOST=${MQ_HOST:-127.0.0.1} MQ_PORT=$TCP_PORT
storage=memory
[[ -n ${INFLUXDB_URL:-} ]] && storage=influxdb

declare -A pids=()
started=()
stopping=false
ended=""
pause=""

fail() {
    echo "run: $*" >&2
    exit 1
}

# A URL without user, password and query.
redacted() { sed -E 's#^([a-z0-9]+://)([^/?]*@)?([^?]*)(\?.*)?$#\1\3#' <<<"$1"; }

# stop NAME: asks the program to drain, and insists after 20 s.
stop() {
    local name=$1 pid=${pids[$1]:-}
    [[ -n $pid ]] || return 0
    unset "pids[$name]"
    kill -TERM "$pid" 2>/dev/null || { wait "$pid" 2>/dev/null; return 0; }
    local deadline=$((SECONDS + 20))
    while kill -0 "$pid" 2>/dev/null; do
        if ((SECONDS >= deadline)); then
            echo "run: $name did not end in 20 s and is killed" >&2
            kill -KILL "$pid" 2>/dev/null
            break
        fi
        sleep 0.05
    done
    wait "$pid" 2>/dev/null
    local code=$?
    ((code == 0)) || echo "run: $name ended with code $code; its log: $run_dir/$name.log" >&2
}

stop_all() {
    $stopping && return
    stopping=true
    [[ -n $pause ]] && kill "$pause" 2>/dev/null
    ((${#pids[@]})) || return
    [[ -t 1 ]] && printf '\r\033[K'
    echo "run: draining"
    local name
    for name in streamer collector api mq-server; do stop "$name"; done
    echo "run: all stopped"
}
trap 'stop_all' EXIT
trap 'exit 0' INT TERM HUP

# start NAME VARIABLE=value...: runs a program with its log in the run directory.
start() {
    local name=$1
    shift
    env "$@" "$bin/$name" </dev/null >"$run_dir/$name.log" 2>&1 9>&- &
    pids[$name]=$!
    started+=("$name")
}

# get PORT PATH: the body of an HTTP answer of this machine; fails unless it is 2xx.
get() {
    local host=$1 port=$2 path=$3 answer
    [[ $host == 0.0.0.0 ]] && host=127.0.0.1
    answer=$(
        exec 2>/dev/null
        exec 3<>"/dev/tcp/$host/$port" || exit 1
        printf 'GET %s HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n' \
            "$path" "$host" "$port" "${API_TOKEN:-}" >&3
        timeout 5 cat <&3
    ) || return 1
    [[ $answer =~ ^HTTP/1\.[01]\ 2 ]] || return 1
    printf '%s' "${answer#*$'\r\n\r\n'}"
}

# number NAME JSON: the first number member of that name, or 0.
number() {
    [[ $2 =~ \"$1\":([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo 0
}

# Ends everything when a program has ended by itself.
check_alive() {
    local name pid code
    for name in "${started[@]}"; do
        pid=${pids[$name]:-}
        [[ -n $pid ]] || continue
        kill -0 "$pid" 2>/dev/null && continue
        wait "$pid"
        code=$?
        unset "pids[$name]"
        if [[ $name == streamer && $code == 0 ]]; then
            ended=" (streamer has read the file)"
            continue
        fi
        [[ -t 1 ]] && printf '\r\033[K'
        echo "run: $name ended with code $code; the last lines of $run_dir/$name.log:" >&2
        tail -n 10 "$run_dir/$name.log" | sed 's/^/    /' >&2
        exit 1
    done
}

# wait_for NAME HOST PORT PATH: until the program answers there.
wait_for() {
    local deadline=$((SECONDS + 30))
    until get "$2" "$3" "$4" >/dev/null; do
        check_alive
        ((SECONDS < deadline)) || fail "$1 does not answer on http://$2:$3$4 after 30 s; its log: $run_dir/$1.log"
        sleep 0.1
    done
}

# -- before anything starts --------------------------------------------------------------------------------------

scripts/setup.sh build || exit 1
[[ $source == - ]] && fail "standard input cannot be read here; name a file: make run CSV=path"
# The streamer itself tells what is wrong with a pattern, an address, or the files in a directory.
[[ $source == http?(s)://* || $source == *[\*\?\[]* || -r $source ]] || fail "cannot read $(redacted "$source")"
for entry in "mq-server:$TCP_PORT:TCP_PORT" "mq-server:$HTTP_PORT:HTTP_PORT" "api:$API_PORT:API_PORT"; do
    IFS=: read -r name port variable <<<"$entry"
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        fail "port $port, which $name needs, is in use; choose another: make run $variable=N"
    fi
done

bin=${BIN:-}
if [[ -z $bin ]]; then
    echo "run: building the release (the first time takes some minutes)"
    swift build -c release || exit 1
    bin=$(swift build -c release --show-bin-path)
fi
# The Swagger page works without these files too, and says what is missing.
if [[ -z ${SWAGGER_UI_DIR:-} && -x scripts/fetch-swagger-ui.sh ]]; then
    if scripts/fetch-swagger-ui.sh "$root/.run/swagger-ui"; then
        export SWAGGER_UI_DIR=$root/.run/swagger-ui
    else
        echo "run: the files of Swagger UI could not be fetched; its page lists the operations by itself" >&2
    fi
fi

mkdir -p "$run_dir" || exit 1
exec 9>"$run_dir/lock"
command -v flock >/dev/null && { flock -n 9 || fail "another run uses $run_dir; choose another: RUN_DIR=path"; }
if [[ -z ${MQ_DATA_DIR:-} ]]; then
    export MQ_DATA_DIR=$run_dir/mq-data
    rm -rf "$MQ_DATA_DIR"
fi

# -- start, in the order in which the data flow backwards ---------------------------------------------------------

start mq-server
wait_for mq-server "$HTTP_HOST" "$HTTP_PORT" /health
start api STORAGE="$storage"
wait_for api "$API_HOST" "$API_PORT" /health
# What the log or the database holds of earlier runs is not what this one publishes.
before=0
for ((i = 0; i < 300; i++)); do
    stats=$(get "$API_HOST" "$API_PORT" /api/v1/stats) || stats=""
    before=$(number sample_count "$stats")
    [[ $storage == influxdb || $stats =~ \"lag\":0[^0-9] ]] && break
    sleep 0.1
done
[[ $storage == influxdb ]] && start collector
# HTTP_PORT is that of mq-server.
start streamer SOURCE="$source" CSV_PATH= HTTP_PORT="${STREAMER_HTTP_PORT:-0}" \
    STREAM_INTERVAL="${STREAM_INTERVAL:-1s}" PROGRESS_INTERVAL="${PROGRESS_INTERVAL:-500ms}"
# The line that says so means that it hears signals.
streamer_port=""
for ((i = 0; i < 100; i++)); do
    [[ $(head -c 4096 "$run_dir/streamer.log" 2>/dev/null) =~ listening.*http\"?[=:]\"?[^[:space:]\"]*:([0-9]+) ]] && streamer_port=${BASH_REMATCH[1]}
    [[ -n $streamer_port ]] && break
    check_alive
    sleep 0.1
done
check_alive

# published: the samples that the queue has acknowledged; the streamer's last answer, once it has ended.
published=0
ask_published() {
    local metrics
    metrics=$(get "$HTTP_HOST" "$streamer_port" /metrics) || metrics=""
    if [[ $metrics =~ streamer_rows_published_total\ ([0-9]+) ]]; then
        published=${BASH_REMATCH[1]}
    elif [[ $(tail -c 4096 "$run_dir/streamer.log" 2>/dev/null) =~ finished.*published\"?[=:]([0-9]+) ]]; then
        published=${BASH_REMATCH[1]}
    fi
}

shown() { [[ $1 == 0.0.0.0 ]] && echo localhost || echo "$1"; }
base=http://$(shown "$API_HOST"):$API_PORT
cat <<END
run: the pipeline is up, fed from $(redacted "$source")
    dashboard    $base/
    API          $base/api/v1/gpus
    Swagger      $base/swagger/index.html
    queue        http://$(shown "$HTTP_HOST"):$HTTP_PORT/stats  (TCP $TCP_HOST:$TCP_PORT)
    storage      $storage $(redacted "${INFLUXDB_URL:-}")
    logs         $run_dir/*.log
Ctrl-C ends it.
END

# -- until it is ended --------------------------------------------------------------------------------------------

last=""
ticks=0
while true; do
    check_alive
    stats=$(get "$API_HOST" "$API_PORT" /api/v1/stats) || stats=""
    stored=$(number sample_count "$stats")
    ((stored >= before)) && stored=$((stored - before))
    # Asked after the store, so that it is never behind it; what the queue has delivered may still be on its way to the streamer as a response.
    for ((i = 0; i < 20; i++)); do
        ask_published
        ((published >= stored)) && break
        sleep 0.05
    done
    line="published $published rows · stored $stored"
    ((before)) && line+=" · from before $before"
    line+=" · GPUs $(number gpu_count "$stats")$ended"
    if [[ -t 1 ]]; then
        printf '\r\033[K%s' "$line"
    elif ((ticks % 3 == 0)) && [[ $line != "$last" ]]; then
        echo "run: $line"
        last=$line
    fi
    ticks=$((ticks + 1))
    # In the background, so that a signal is not kept waiting.
    sleep 1 9>&- &
    pause=$!
    wait "$pause"
done
