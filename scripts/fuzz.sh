#!/usr/bin/env bash
# Fuzzes the targets of Tests/Fuzz with libFuzzer, from the corpus that is committed there: TARGET (default: all),
# FUZZ_SECONDS each (60), FUZZ_JOBS of them at a time (1). New inputs stay in .run/fuzz. With MERGE=1 nothing is
# fuzzed: the corpus becomes the smallest part of itself and of .run/fuzz that reaches as much.
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build-fuzz
export seconds=${FUZZ_SECONDS:-60} build
mapfile -t targets < <(ls Tests/Fuzz/Corpus)
if [[ -n ${TARGET:-} ]]; then
    [[ -d Tests/Fuzz/Corpus/$TARGET ]] || { echo "fuzz: $TARGET is not one of ${targets[*]}" >&2; exit 64; }
    targets=("$TARGET")
fi
for number in "$seconds" "${FUZZ_JOBS:-1}"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: FUZZ_SECONDS, FUZZ_JOBS: $number is not a number" >&2; exit 64; }
done

# The package manager's executables bring their own main, and libFuzzer's is needed: it builds only the libraries.
echo "fuzz: building with the fuzzer's and the address sanitizer's instrumentation (minutes, the first time)"
libraries=(swift build --scratch-path "$build" -c release -Xswiftc -sanitize=fuzzer,address)
for target in TelemetryKit ExampleSupport; do nice "${libraries[@]}" --target "$target" | tail -n 1; done
built=$("${libraries[@]}" --show-bin-path)
mapfile -t sources < <(find Tests/Fuzz -name '*.swift' -not -name CorpusTests.swift)
mapfile -t objects < <(find "$built"/*.build -name '*.o')
# Only this linker takes the sanitizer's symbols without a warning for each.
[[ -e $build/fuzz && -z $(find "${sources[@]}" "${objects[@]}" -newer "$build/fuzz") ]] || nice swiftc \
    -swift-version 6 -O -wmo -parse-as-library -warnings-as-errors -sanitize=fuzzer,address -use-ld=lld \
    -package-name "$(grep -m 1 -oP '"-package-name","\K[^"]+' "$build/release.yaml")" -module-name Fuzz \
    -I Sources/CLinux -I Sources/CCurl -I "$built/Modules" "${sources[@]}" "${objects[@]}" -lcurl -o "$build/fuzz"

# Hashes that differ from run to run would make one input look like many; the runtime's own backtrace of a crash would
# hide libFuzzer's, and its caches are not leaks.
export SWIFT_DETERMINISTIC_HASHING=1 SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=0
export options="-detect_leaks=0 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=4096"
options+=" -dict=Tests/Fuzz/extremes.dict"

fuzz() {
    local target=$1 corpus=Tests/Fuzz/Corpus/$1 scratch=.run/fuzz/$1 log=.run/fuzz/$1/log status=0
    mkdir -p "$scratch/corpus"
    export FUZZ_TARGET=$target
    if [[ ${MERGE:-} == 1 ]]; then
        rm -rf "$scratch/merged"
        mkdir "$scratch/merged"
        nice "$build/fuzz" $options -set_cover_merge=1 -use_counters=0 "$scratch/merged" "$corpus" "$scratch/corpus" \
            >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }
        # Inputs with a name were put there by a person, for a reason; libFuzzer's are named by their SHA-1.
        find "$corpus" -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
        while read -r sum _; do rm -f "$scratch/merged/$sum"; done < <(find "$corpus" -type f -exec sha1sum {} +)
        find "$scratch/merged" -type f -exec cp -t "$corpus" {} +
        echo "$target: $(ls "$corpus" | wc -l) inputs, $(du -sb "$corpus" | cut -f 1) bytes"
        return
    fi
    nice "$build/fuzz" $options -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$scratch/" \
        "$scratch/corpus" "$corpus" >"$log" 2>&1 || status=$?
    echo "$target: $(sed -nE 's/^stat::number_of_executed_units: *//p' "$log") executions," \
        "$(grep -aoE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1)"
    if ((status)); then
        grep -aE 'Fatal error: |ERROR: |SUMMARY: ' "$log" | sed 's/^/    /' || true
        local again="FUZZ_TARGET=$target SWIFT_BACKTRACE=enable=no $build/fuzz"
        sed -nE "s#.*Test unit written to #    again: $again #p" "$log"
        echo "    all of it: $log"
    fi
    return "$status"
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "${FUZZ_JOBS:-1}" -I{} bash -euo pipefail -c 'fuzz {}'
