#!/usr/bin/env bash
# `format.sh lint` reports where Swift files differ from the form of .swift-format, `format.sh format` brings them into
# it. swift-format is the one of the toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."

files=(Package.swift Sources Tests)
case ${1:-} in
    lint) exec swift format lint --strict --parallel --recursive "${files[@]}" ;;
    format) exec swift format format --in-place --parallel --recursive "${files[@]}" ;;
    *) echo "format.sh: lint or format" >&2; exit 64 ;;
esac
