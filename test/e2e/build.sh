# shellcheck shell=bash
# Building what is driven. The stages carry tags so that the next run finds them; an image that a new one replaces is removed.

progress() { # progress WHAT COMMAND...: runs it, its output in $w/logs/build; every 30 seconds a line says how far it is
  local what=$1 began=$SECONDS next=$((SECONDS + 30)) job
  shift
  "$@" > "$w/logs/build" 2>&1 < /dev/null &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    sleep 0.1
    if [ "$SECONDS" -ge "$next" ]; then
      next=$((SECONDS + 30))
      printf '  %s (%d s): %s\n' "$what" $((SECONDS - began)) "$(last_step)" >&3
    fi
  done
  wait "$job"
}

last_step() { # the last line of the build's log that says something
  sed -E 's/\x1b\[[0-9;]*m//g; s/\r//g; /^ *--->|^Removing/d' "$w/logs/build" | grep -aE '[[:alnum:]]' | tail -n 1 | cut -c 1-100
}

build_failed() { tail -n 40 "$w/logs/build" >&2; exit 1; }

stage_build() { # stage_build TAG ARG...: builds git-sync-e2e:TAG
  local tag=git-sync-e2e:$1 old new
  shift
  old=$("$engine" image inspect "$tag" --format '{{.Id}}' 2>/dev/null || true)
  progress "building $tag" "$engine" build --tag "$tag" "$@" || build_failed
  new=$("$engine" image inspect "$tag" --format '{{.Id}}')
  if [ -n "$old" ] && [ "$old" != "$new" ]; then "$engine" rmi "$old" >/dev/null 2>&1 || true; fi
}

# What builds the product from the images that are there.
product=(--build-arg DEBIAN=git-sync-e2e:debian --build-arg GOLANG=git-sync-e2e:golang --build-arg VERSION=e2e
  --build-arg REVISION=0123456789 --build-arg SOURCE=https://git.example/git-sync)

build_all() {
  local began=$SECONDS
  if [ "$mode" = process ]; then
    CGO_ENABLED=0 go build -tags nethttpomithttp2 -trimpath -buildvcs=false -o "$w/git-sync" ./cmd/git-sync
    return
  fi
  bases_make
  stage_build stage-debian --target debian "${product[@]}" .
  stage_build stage-build --target build "${product[@]}" .
  stage_build image "${product[@]}" .
  stage_build minimal --target minimal "${product[@]}" .
  stage_build lfs --target lfs "${product[@]}" .
  stage_build server test/e2e/server
  echo "images: built in $((SECONDS - began)) s"
}

images_prune() { # what replaced builds leave behind
  "$engine" image prune --force --filter label=git-sync.stage=build >/dev/null 2>&1
}

images_purge() {
  "$engine" image ls --quiet git-sync-e2e | sort -u | xargs -r "$engine" rmi --force >/dev/null 2>&1
  "$engine" rmi --force git-sync-base:arm64 >/dev/null 2>&1
  images_prune
}
