#!/usr/bin/env bash
# Makes the two base images of deploy/docker/Dockerfile from Debian's packages, for machines that reach no image registry:
# localhost/gpu-telemetry-base/debian, and localhost/gpu-telemetry-base/swift with what the toolchain needs. The toolchain
# itself is not copied: the build mounts this machine's. Does nothing where the images are there.
set -euo pipefail
cd "$(dirname "$0")/.."
debian=localhost/gpu-telemetry-base/debian swift=localhost/gpu-telemetry-base/swift

work=$(mktemp -d)
container=
trap '[[ -z $container ]] || buildah rm "$container" >/dev/null; rm -rf "$work"' EXIT

if ! buildah inspect --type image "$debian" >/dev/null 2>&1; then
    echo "images: making $debian"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 ||
        { tail -n 20 "$work/log" >&2; exit 1; }
    rm -rf "$work"/root/var/lib/apt/lists/* "$work"/root/var/cache/apt/archives/*.deb
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$work/root" / >/dev/null
    buildah commit --quiet "$container" "$debian" >/dev/null
    buildah rm "$container" >/dev/null
    container=
fi

if ! buildah inspect --type image "$swift" >/dev/null 2>&1; then
    echo "images: making $swift"
    container=$(buildah from --pull-never "$debian")
    buildah run --isolation chroot "$container" -- sh -c 'apt-get update -q && apt-get install -y -q --no-install-recommends \
        binutils git libc6-dev libcurl4 libedit2 libgcc-12-dev libncurses6 libsqlite3-0 libstdc++-12-dev libxml2 libz3-4 python3 tzdata zlib1g-dev \
        && rm -rf /var/lib/apt/lists/*' >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    buildah config --env PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah commit --quiet "$container" "$swift" >/dev/null
    buildah rm "$container" >/dev/null
    container=
fi
