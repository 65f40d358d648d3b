#!/usr/bin/env bash
# Takes the files of Swagger UI, which are not part of this repository, from PyPI's flask-swagger-ui, which bundles
# them. Usage: scripts/fetch-swagger-ui.sh [DIR]   (default: .run/swagger-ui)
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-.run/swagger-ui}
[[ -s $target/swagger-ui-bundle.js && -s $target/swagger-ui.css ]] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "swagger-ui: fetching flask-swagger-ui from PyPI" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" flask-swagger-ui==5.34.0 >&2
python3 -m zipfile -e "$work"/*.whl "$work"
mkdir -p "$target"
for file in swagger-ui.css swagger-ui-bundle.js swagger-ui-standalone-preset.js favicon-32x32.png; do
    cp "$work/flask_swagger_ui/dist/$file" "$target/$file"
done
echo "swagger-ui: files are in $target" >&2
