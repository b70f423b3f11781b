#!/bin/bash
# empty-base.sh ARCH: gives docker an image without files for that architecture, and prints its name for --build-arg BASE=.
# Only the classic builder needs it: it gives an image the architecture of its base, and to scratch that of the machine.
set -euo pipefail
arch=${1:?ARCH} name=git-sync-base:$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tar -c -T /dev/null > "$dir/layer.tar"
printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
  "$arch" "$(sha256sum < "$dir/layer.tar" | cut -d ' ' -f 1)" > "$dir/config.json"
printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$name" > "$dir/manifest.json"
tar -C "$dir" -c config.json manifest.json layer.tar | docker load --quiet >&2
echo "$name"
