#!/usr/bin/env bash
# Runs tests under the thread sanitizer and under the address sanitizer, in a copy of the working tree. Arguments are the names of
# the suites (default: all of the queue and of what lies below it, the memory store, the collector and concurrent reading).
# SANITIZERS="thread" leaves the other out.
set -euo pipefail
cd "$(dirname "$0")/.."

filter=${*:-TelemetryNetTests|TelemetryMQTests|ExampleSupportTests|TelemetryKitTests.(Memory|Collector|StoreFeeding|ConcurrentReading)}
filter=${filter// /|}
copy=$PWD/.build-sanitize
mkdir -p "$copy/tree"
git ls-files --cached --others --exclude-standard -z |
    rsync --archive --delete --exclude=/.build --files-from=- --from0 ./ "$copy/tree/" 2>/dev/null ||
    { rm -rf "$copy/tree" && mkdir -p "$copy/tree" && git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$copy/tree"; }
# The tests find the real export beside the repository.
[[ -d ../shared ]] && ln -sfn "$(cd ../shared && pwd)" "$copy/shared"

echo "sanitize: does the thread sanitizer see a race, and does it know the lock?"
swiftc -sanitize=thread -O "$copy"/tree/Tests/Sanitizer/{main,Mutex}.swift -o "$copy/probe"
"$copy/probe" || { echo "sanitize: the lock is taken for a race" >&2; exit 1; }
# By its report, not by its exit status: a probe that could not even start would end in failure too.
"$copy/probe" race >"$copy/probe.out" 2>&1 || true
if ! grep -q 'WARNING: ThreadSanitizer' "$copy/probe.out"; then
    echo "sanitize: a planted race is not seen" >&2
    exit 1
fi

failed=0
run() {
    echo "sanitize: $1"
    (cd "$copy/tree" && swift build --build-tests --sanitize="$1" --scratch-path "$copy/$1" 2>&1 | tail -n 3)
    (cd "$copy/tree" && swift test --skip-build --disable-xctest --no-parallel --sanitize="$1" --scratch-path "$copy/$1" --filter "$filter") \
        >"$copy/$1.out" 2>&1 || failed=1
    grep -aE 'Test run with|✘' "$copy/$1.out" || true
    if ! grep -aqE 'Test run with [1-9]' "$copy/$1.out"; then
        echo "sanitize: no test ran; see $copy/$1.out" >&2
        failed=1
    fi
    if grep -aqE 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$copy/$1.out"; then
        grep -aE -A 12 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$copy/$1.out" | head -n 80
        echo "sanitize: the whole report is in $copy/$1.out" >&2
        failed=1
    fi
}

# One test at a time: under a sanitizer all at once take so long that clients give servers up.
# Leaks are not asked for: the runtime keeps caches on purpose.
export ASAN_OPTIONS=detect_leaks=0
sanitizers=${SANITIZERS:-address thread}
[[ $sanitizers == *address* ]] && run address

grep -rlE '\bMutex[(<]' "$copy"/tree/Sources "$copy"/tree/Tests --include='*.swift' | grep -v Tests/Sanitizer |
    sed -E "s#($copy/tree/(Sources/Examples/[^/]+|Sources/[^/]+|Tests/Benchmarks/[^/]+|Tests/[^/]+)).*#\1#" | sort -u |
    while read -r target; do cp "$copy/tree/Tests/Sanitizer/Mutex.swift" "$target/SanitizerMutex.swift"; done
[[ $sanitizers == *thread* ]] && run thread
exit "$failed"
