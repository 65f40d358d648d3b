#!/usr/bin/env bash
# Fuzzes the targets of Tests/Fuzz with libFuzzer, from the corpus that is committed there: TARGET (default: all), FUZZ_SECONDS each (60),
# FUZZ_JOBS of them at a time (1). What is new stays in .run/fuzz. With MERGE=1 nothing is fuzzed: the corpus becomes the smallest part
# of itself and of .run/fuzz that reaches as much.
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build-fuzz
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-1}
mapfile -t known < <(ls Tests/Fuzz/Corpus)
trap 'echo "fuzz: interrupted" >&2; exit 130' INT
targets=("${known[@]}")
if [[ -n ${TARGET:-} ]]; then
    targets=("$TARGET")
    [[ -d Tests/Fuzz/Corpus/$TARGET ]] || { echo "fuzz: there is no target $TARGET; there are: ${known[*]}" >&2; exit 64; }
fi
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: FUZZ_SECONDS=$seconds is no whole number of seconds" >&2; exit 64; }
[[ $jobs =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: FUZZ_JOBS=$jobs is not a whole number of targets" >&2; exit 64; }

# Not by the package manager: its executables bring their own main, and libFuzzer's is needed. Sanitizers look at all that is ours.
flags=(-swift-version 6 -O -wmo -parse-as-library -package-name gpu_telemetry -warnings-as-errors -sanitize=fuzzer,address)
flags+=(-I Sources/CLinux -I Sources/CCurl -I "$build")
modules=(TelemetryNet TelemetryMQ TelemetryKit ExampleSupport)
# A module and the folder of its sources.
library() {
    mapfile -t sources < <(find "Sources/$2" "$build/$1" -name '*.swift')
    nice swiftc "${flags[@]}" -module-name "$1" -emit-module -emit-module-path "$build/$1.swiftmodule" -c "${sources[@]}" -o "$build/$1.o"
}
if [[ ! -e $build/fuzz || -n $(find Sources/TelemetryNet Sources/TelemetryMQ Sources/TelemetryKit Sources/Examples/Support Sources/C* Tests/Fuzz scripts/fuzz.sh \
    -newer "$build/fuzz" -not -path 'Tests/Fuzz/Corpus*' -print -quit) ]]; then
    echo "fuzz: building with the fuzzer's and the address sanitizer's instrumentation (minutes)"
    for module in "${modules[@]}"; do mkdir -p "$build/$module"; done
    # What the package manager makes of the dashboard's files; no target asks for what they hold.
    {
        echo "enum PackageResources {"
        for file in Sources/TelemetryKit/Gateway/Dashboard/*.*; do
            echo "    static let $(basename "$file" | tr .- _): [UInt8] = []"
        done
        echo "}"
    } >"$build/TelemetryKit/PackageResources.swift"
    library TelemetryNet TelemetryNet
    library TelemetryMQ TelemetryMQ
    library TelemetryKit TelemetryKit
    library ExampleSupport Examples/Support
    mapfile -t sources < <(find Tests/Fuzz -name '*.swift' -not -name CorpusTests.swift)
    objects=()
    for module in "${modules[@]}"; do objects+=("$build/$module.o"); done
    # Of the linkers this one alone takes the sanitizer's symbols without a warning each.
    nice swiftc "${flags[@]}" -use-ld=lld -module-name Fuzz "${sources[@]}" "${objects[@]}" -lcurl -o "$build/fuzz"
fi

# Hashes that differ from run to run would make one input look like many; the runtime's own backtrace of a crash comes in the way of
# libFuzzer's, and its caches are no leaks.
export SWIFT_DETERMINISTIC_HASHING=1 SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=0
options=(-detect_leaks=0 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=4096 -dict=Tests/Fuzz/extremes.dict)

# One target; what it says comes at once, at its end.
fuzz() {
    local target=$1 corpus=Tests/Fuzz/Corpus/$1 scratch=.run/fuzz/$1 status=0 runs coverage input
    mkdir -p "$scratch/corpus"
    export FUZZ_TARGET=$target
    if [[ ${MERGE:-} == 1 ]]; then
        rm -rf "$scratch/merged"
        mkdir "$scratch/merged"
        nice "$build/fuzz" "${options[@]}" -set_cover_merge=1 -use_counters=0 "$scratch/merged" "$corpus" "$scratch/corpus" >"$scratch/log" 2>&1 ||
            { tail -n 20 "$scratch/log" >&2; return 1; }
        # Inputs with a name were put there by a person, for a reason; libFuzzer's are named by their SHA-1.
        find "$corpus" -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
        while read -r sum _; do rm -f "$scratch/merged/$sum"; done < <(find "$corpus" -type f -exec sha1sum {} +)
        find "$scratch/merged" -type f -exec cp -t "$corpus" {} +
        echo "$target: $(ls "$corpus" | wc -l) inputs, $(du -sb "$corpus" | cut -f 1) bytes"
        return 0
    fi
    nice "$build/fuzz" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$scratch/" \
        "$scratch/corpus" "$corpus" >"$scratch/log" 2>&1 || status=$?
    runs=$(sed -nE 's/^stat::number_of_executed_units: *//p' "$scratch/log" | tail -n 1)
    coverage=$(grep -aoE 'cov: [0-9]+ ft: [0-9]+' "$scratch/log" | tail -n 1 || true)
    input=$(sed -nE 's/.*Test unit written to //p' "$scratch/log" | tail -n 1)
    {
        echo "$target: ${runs:-?} executions, ${coverage:-no coverage}"
        if ((status)); then
            grep -aE 'Fatal error: |ERROR: |SUMMARY: ' "$scratch/log" | sed 's/^/    /' || true
            [[ -n $input ]] && echo "    again: FUZZ_TARGET=$target SWIFT_BACKTRACE=enable=no $build/fuzz $input"
            echo "    all of it: $scratch/log"
        fi
    } >"$scratch/result"
    cat "$scratch/result"
    return "$status"
}

failed=0
running=0
for target in "${targets[@]}"; do
    if ((running >= jobs)); then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while ((running > 0)); do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
