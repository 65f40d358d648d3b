#!/usr/bin/env bash
# Builds the images of deploy/docker/Dockerfile with buildah, as localhost/gpu-telemetry/NAME:test, and runs them:
# scripts/images-test.py says what is checked. As root, on Debian. Base images are made from Debian's packages, for
# machines that reach no registry; the toolchain is not copied: the build mounts this machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build images deploy helm
debian=localhost/gpu-telemetry-base/debian swift=localhost/gpu-telemetry-base/swift

work=$(mktemp -d)
container=
trap '[[ -z $container ]] || buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT

# Runs a command; if it fails, the end of its output is printed.
logged() { "$@" >"$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; exit 1; }; }
is_missing() { ! buildah inspect --type image "$1" >/dev/null 2>&1; }
commit() {
    buildah commit --quiet "$container" "$1" >/dev/null
    buildah rm "$container" >/dev/null
    container=
}

if is_missing "$debian"; then
    echo "images: making $debian"
    logged debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" \
        http://deb.debian.org/debian
    rm -rf "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/apt/archives/*.deb
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$work/root" / >/dev/null
    commit "$debian"
fi
if is_missing "$swift"; then
    echo "images: making $swift"
    container=$(buildah from --pull-never "$debian")
    logged buildah run --isolation chroot "$container" -- sh -ec 'apt-get update -q
        apt-get install -y -q --no-install-recommends binutils git libc6-dev libcurl4 libedit2 libgcc-12-dev \
        libncurses6 libsqlite3-0 libstdc++-12-dev libxml2 libz3-4 python3 tzdata zlib1g-dev
        rm -rf /var/lib/apt/lists/*'
    buildah config --env PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$container"
    commit "$swift"
fi

toolchain=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")")
for program in mq-server streamer collector api; do
    echo "images: building $program"
    # The machine's certificates: a proxy of its network may have one of its own. HEALTHCHECK is not in the OCI format.
    logged buildah bud --layers --pull-never --isolation chroot --format docker \
        --volume "$toolchain:/opt/swift:ro" --volume /etc/ssl/certs:/etc/ssl/certs:ro \
        --build-arg SWIFT_IMAGE=$swift --build-arg RUNTIME_IMAGE=$debian \
        --file deploy/docker/Dockerfile --target "$program" --tag "localhost/gpu-telemetry/$program:test" .
done
.run/python/bin/python3 scripts/images-test.py
