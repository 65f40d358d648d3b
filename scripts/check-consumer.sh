#!/usr/bin/env bash
# Builds and runs Tests/Consumer, a package with a program for each library product that depends on this product alone.
# Checks that none needs Foundation, and that only those that use HTTP as a client need libcurl. The package also has a
# copy of the reference programs, which builds only if they use nothing but public API.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=Tests/Consumer/Programs
rm -rf "$programs"
cp -r Sources/Examples "$programs"
sed -i -E 's/^import Example(Support|Databases)$/import Copied\1/' "$programs"/*/*.swift

build=(swift build --package-path Tests/Consumer --scratch-path .build-consumer)
"${build[@]}"
built=$("${build[@]}" --show-bin-path)
status=0
for folder in Tests/Consumer/Sources/*/; do
    program=$(basename "$folder")
    if ! timeout 60 "$built/$program" deploy/sample/dcgm_sample.csv >/dev/null; then
        echo "check-consumer: $program fails" >&2
        status=1
    fi
    linked=$(ldd "$built/$program" | grep -oE '^\s*lib(curl|Foundation)\w*' | xargs || true) expected=
    echo "$program: ${linked:-neither libcurl nor Foundation}"
    [[ ! $program =~ ^UseTelemetry(Kit|Databases|Scraping)$ ]] || expected=libcurl
    if [[ $linked != "$expected" ]]; then
        echo "check-consumer: $program is linked to ${linked:-no libcurl}, not ${expected:-without it}" >&2
        status=1
    fi
done
# A product without a program here is not checked; `Consumer` uses TelemetryMQ.
for product in $(tr -d '\n' <Package.swift | grep -oE '\.library\( *name: "\w+' | cut -d '"' -f 2); do
    [[ $product == TelemetryMQ || -d Tests/Consumer/Sources/Use$product ]] ||
        { echo "check-consumer: no program uses $product" >&2; status=1; }
done
exit "$status"
