# shellcheck shell=bash
# Building what is driven. The stages carry tags so that the next run finds them, and what a new one replaces is removed.

stage_build() { # stage_build TAG ARG...: builds git-sync-e2e:TAG
  local tag=git-sync-e2e:$1 old new
  shift
  old=$("$engine" image inspect "$tag" --format '{{.Id}}' 2>/dev/null || true)
  "$engine" build --quiet --tag "$tag" "$@" > "$w/logs/build" 2>&1 || { tail -n 40 "$w/logs/build" >&2; exit 1; }
  new=$("$engine" image inspect "$tag" --format '{{.Id}}')
  if [ -n "$old" ] && [ "$old" != "$new" ]; then "$engine" rmi "$old" >/dev/null 2>&1 || true; fi
}

build_all() {
  local began=$SECONDS
  if [ "$mode" = process ]; then
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$w/git-sync" ./cmd/git-sync
    return
  fi
  ENGINE=$engine test/e2e/bases.sh
  stage_build sysroot --target sysroot .
  stage_build build --target build --build-arg VERSION=e2e .
  stage_build image --build-arg VERSION=e2e .
  stage_build lfs --target lfs --build-arg VERSION=e2e .
  stage_build server test/e2e/server
  echo "images: built in $((SECONDS - began)) s"
}

images_purge() {
  "$engine" rmi --force git-sync-e2e:service >/dev/null 2>&1
  "$engine" rmi --force git-sync-e2e:{image,lfs,build,sysroot,server,arm64} >/dev/null 2>&1
  if [ "$("$engine" image inspect debian:bookworm-slim --format '{{.Comment}}')" = 'git-sync: debootstrap' ]; then
    "$engine" rmi --force golang:1.26-bookworm debian:bookworm-slim >/dev/null 2>&1
  fi
}
