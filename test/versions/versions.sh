#!/usr/bin/env bash
# versions.sh SUITE...: runs the tests that touch git with the git of each Debian suite, in a file system of that suite, which
# debootstrap makes once and keeps below .cache/debian. Where git is too old, git-sync has to refuse it. Run by `make git-versions`.
set -euo pipefail
cd "$(dirname "$0")/../.."
self=$PWD/test/versions/versions.sh
oldest=2.34 # that git-sync runs with: pkg/git/version.go
packages=(./pkg/git/... ./pkg/repo/... ./test/conformance ./test/checkout ./test/hostile ./test/credentials ./test/script)
tools=git,git-lfs,openssh-server,openssh-client,gnupg,gpg-agent,curl,openssl,ca-certificates,procps,strace,libnss-wrapper

GOROOT=$(go env GOROOT) GOMODCACHE=$(go env GOMODCACHE) GOCACHE=$(go env GOCACHE)
export GOROOT GOMODCACHE GOCACHE

# inside SUITE COMMAND...: becomes it, in the suite's file system, with the source, Go and its caches where they are outside.
inside() {
  local root=$PWD/.cache/debian/$1
  shift
  # shellcheck disable=SC2016 # the shell that is started expands it
  exec unshare --mount --propagation private bash -euc '
    root=$1
    shift
    for dir in /dev /proc /sys "$PWD" "$GOROOT" "$GOMODCACHE" "$GOCACHE"; do
      mkdir -p "$root$dir"
      mount --rbind "$dir" "$root$dir"
    done
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" env -i -C "$PWD" HOME=/root PATH="$GOROOT/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
      CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOPROXY=off GOTOOLCHAIN=local GOMODCACHE="$GOMODCACHE" GOCACHE="$GOCACHE" "$@"' bash "$root" "$@"
}

if [ "${1:-}" = --inside ]; then
  shift
  inside "$@"
fi

say() { printf '%s (after %d s)\n' "$*" "$SECONDS"; }

if [ "$(id -u)" != 0 ] || ! unshare --mount true; then
  echo 'skipped: only root can make file systems and change into them'
  exit
fi
if ! command -v debootstrap >/dev/null; then
  echo 'skipped: debootstrap is not installed (Debian package debootstrap)'
  [ "${CI:-}" != true ]
  exit
fi

# The mirror is the machine's own.
# shellcheck disable=SC2016 # apt-get expands it
mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | awk '$1 == "Debian" {print $2; exit}')
mirror=${mirror:-https://deb.debian.org/debian}

# make SUITE: its file system, unless it is there.
make_root() {
  local root=.cache/debian/$1
  [ -e "$root" ] && return
  say "$1: making the file system from $mirror"
  mkdir -p "$root.new"
  local script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include="$tools" "$1" "$root.new" "$mirror" "$script" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log"
    rm -rf "$root.new"
    return 1
  }
  rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new/var/lib/apt/lists"/*
  mv "$root.new" "$root"
}

go mod download

refused() { # SUITE: git-sync says that git is too old
  local out
  if out=$("$self" --inside "$1" go run ./cmd/git-sync --repo=file:///nowhere --root=/tmp/root --one-time 2>&1); then
    echo "$1: git is older than $oldest, and git-sync succeeds"
    return 1
  fi
  grep -q "need $oldest or newer" <<<"$out" || { echo "$out"; return 1; }
  say "$1: refused, as it should be"
}

failed=()
for suite in "$@"; do
  if ! make_root "$suite"; then
    failed+=("$suite")
    continue
  fi
  version=$("$self" --inside "$suite" git version)
  version=${version#git version }
  say "$suite: git $version"
  if dpkg --compare-versions "$version" lt "$oldest"; then
    refused "$suite" || failed+=("$suite")
  else
    go tool -modfile=test/tools.mod gotestsum --format standard-quiet --raw-command -- \
      "$self" --inside "$suite" go test -json -count=1 -timeout=30m "${packages[@]}" || failed+=("$suite")
    say "$suite: done"
  fi
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
