#!/usr/bin/env bash
# Takes the files of Swagger UI from PyPI's package flask-swagger-ui, which bundles them, into a directory.
# They are not part of this repository. Usage: scripts/fetch-swagger-ui.sh [DIR]   (default: .run/swagger-ui)
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-.run/swagger-ui}
if [ -s "$target/swagger-ui-bundle.js" ] && [ -s "$target/swagger-ui.css" ]; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "swagger-ui: fetching PyPI's flask-swagger-ui for its files" >&2
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" flask-swagger-ui==5.34.0 >&2
python3 - "$work" "$target" <<'PY'
import glob, os, sys, zipfile

work, target = sys.argv[1:]
packages = glob.glob(work + "/*.whl")
if not packages:
    sys.exit("swagger-ui: the package came without a wheel")
os.makedirs(target, exist_ok=True)
wanted = ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-32x32.png"]
with zipfile.ZipFile(packages[0]) as wheel:
    for name in wanted:
        with open(os.path.join(target, name), "wb") as out:
            out.write(wheel.read("flask_swagger_ui/dist/" + name))
PY
echo "swagger-ui: files are in $target" >&2
