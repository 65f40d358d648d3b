#!/usr/bin/env bash
# Installs the PyPI packages that tests run, where python3 does not have them, into .run/python. Silent when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=(openapi_spec_validator)
packages=(openapi-spec-validator)
has_modules() { "$1" -c "import $(IFS=,; echo "${modules[*]}")" 2>/dev/null; }

has_modules python3 && exit 0
[[ -x .run/python/bin/python3 ]] && has_modules .run/python/bin/python3 && exit 0
echo "setup: installing ${packages[*]} from PyPI into .run/python"
python3 -m venv .run/python
.run/python/bin/python3 -m pip install --quiet --disable-pip-version-check "${packages[@]}"
