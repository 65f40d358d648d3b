#!/usr/bin/env bash
# Builds the images of deploy/docker/Dockerfile as localhost/gpu-telemetry/NAME:test with buildah, on the base images of
# scripts/images-base.sh and this machine's Swift.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/images-base.sh
toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
base=localhost/gpu-telemetry-base
mkdir -p .run
for program in mq-server streamer collector api; do
    echo "images: building $program"
    # The machine's certificates: a proxy of its network may have one of its own. HEALTHCHECK is not of the OCI format.
    buildah bud --layers --pull-never --isolation chroot --format docker \
        --volume "$toolchain:/opt/swift:ro" --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --build-arg SWIFT_IMAGE=$base/swift --build-arg RUNTIME_IMAGE=$base/debian \
        --file deploy/docker/Dockerfile --target "$program" --tag "localhost/gpu-telemetry/$program:test" . >.run/image-$program.log 2>&1 ||
        { tail -n 30 ".run/image-$program.log" >&2; echo "images: $program cannot be built" >&2; exit 1; }
done
