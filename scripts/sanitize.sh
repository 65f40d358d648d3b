#!/usr/bin/env bash
# Runs tests under the address and the thread sanitizer, in a copy of the working tree. Arguments are names of suites
# (default: those of the queue and of its lower layers, the memory store, the collector and concurrent reading).
# SANITIZERS="thread" leaves the other out.
set -euo pipefail
cd "$(dirname "$0")/.."

default='TelemetryBaseTests|TelemetryIOTests|TelemetryHTTPTests|TelemetryMQTests|ExampleSupportTests'
default+='|TelemetryKitTests.(Memory|Collector|StoreFeeding|ConcurrentReading)'
filter=${*:-$default}
filter=${filter// /|}
copy=$PWD/.build-sanitize
rm -rf "$copy/tree"
mkdir -p "$copy/tree"
git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
    [[ ! -f $file ]] || printf '%s\0' "$file"
done | xargs -0 cp --parents --preserve=mode,timestamps -t "$copy/tree"
# The tests find the real export next to the repository.
[[ -d ../shared ]] && ln -sfn "$(cd ../shared && pwd)" "$copy/shared"

echo "sanitize: does the thread sanitizer find a race, and does it know the lock?"
swiftc -sanitize=thread -O "$copy"/tree/Tests/Sanitizer/{main,Mutex}.swift -o "$copy/probe"
"$copy/probe" || { echo "sanitize: the lock is taken for a race" >&2; exit 1; }
# By its report, not by its exit status: a probe that could not even start would fail, too.
"$copy/probe" race >"$copy/probe.out" 2>&1 || true
grep -q 'WARNING: ThreadSanitizer' "$copy/probe.out" || { echo "sanitize: a planted race is not found" >&2; exit 1; }

failed=0
run() {
    local swift=(--sanitize="$1" --scratch-path "$copy/$1" --package-path "$copy/tree") out=$copy/$1.out
    echo "sanitize: $1"
    swift build --build-tests "${swift[@]}" 2>&1 | tail -n 3
    # One test at a time: under a sanitizer all at once take so long that clients give up.
    swift test --skip-build --disable-xctest --no-parallel "${swift[@]}" --filter "$filter" >"$out" 2>&1 || failed=1
    grep -aE 'Test run with|✘' "$out" || true
    grep -aqE 'Test run with [1-9]' "$out" || { echo "sanitize: no test ran; see $out" >&2; failed=1; }
    if grep -aE -A 12 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer' "$out" | head -n 80 | grep .; then
        echo "sanitize: the whole report is in $out" >&2
        failed=1
    fi
}

# No leaks: the runtime keeps caches on purpose.
export ASAN_OPTIONS=detect_leaks=0
[[ ${SANITIZERS:-address} == *address* ]] && run address

# The thread sanitizer does not know Swift's Mutex: every target that has one gets another.
swift package --package-path "$copy/tree" describe | sed -n 's/^    Path: //p' | while read -r target; do
    ! grep -rqE '\bMutex[(<]' "$copy/tree/$target" ||
        cp "$copy/tree/Tests/Sanitizer/Mutex.swift" "$copy/tree/$target/SanitizerMutex.swift"
done
[[ ${SANITIZERS:-thread} == *thread* ]] && run thread
exit "$failed"
