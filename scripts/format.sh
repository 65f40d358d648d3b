#!/usr/bin/env bash
# `format.sh lint` reports where Swift files differ from the form of .swift-format, `format.sh format` brings them into
# it. Tests are left out: their tables of cases have a layout of their own. swift-format is the toolchain's.
set -euo pipefail
cd "$(dirname "$0")/.."

files=(Package.swift Sources Tests/Consumer/Package.swift Tests/Consumer/Sources)
case ${1:-} in
    lint) exec swift format lint --strict --parallel --recursive "${files[@]}" ;;
    format) exec swift format format --in-place --parallel --recursive "${files[@]}" ;;
    *) echo "format.sh: lint or format" >&2; exit 64 ;;
esac
