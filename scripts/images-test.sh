#!/usr/bin/env bash
# Builds the images on base images made here, and runs them: scripts/images-test.py says what is checked. As root, on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build images
scripts/setup-python.sh deploy
scripts/setup-helm.sh
scripts/images-build.sh
.run/python/bin/python3 scripts/images-test.py
