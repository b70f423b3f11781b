#!/usr/bin/env bash
# bases.sh: sees to it that the images which the Dockerfile and the scenarios start from are there, under the public names.
# They are pulled where that is possible. Where it is not they are made here: debian:bookworm-slim by debootstrap, from Debian's
# own packages, golang:1.26-bookworm from that and this machine's Go. Both stay, as a pulled image would, for the next run.
set -euo pipefail
engine=${ENGINE:-docker}
debian=debian:bookworm-slim
golang=golang:1.26-bookworm

present() { "$engine" image inspect "$1" >/dev/null 2>&1; }

pull() { # pull IMAGE: true when it is there afterwards
  present "$1" && return 0
  timeout 300 "$engine" pull -q "$1" >/dev/null 2>&1
}

need() {
  command -v "$1" >/dev/null && return 0
  echo "bases.sh: $1 is needed to make the base images, which cannot be pulled here (Debian: apt-get install $2)" >&2
  exit 1
}

make_debian() {
  need debootstrap debootstrap
  [ "$(id -u)" = 0 ] || { echo 'bases.sh: debootstrap wants root' >&2; exit 1; }
  echo "making $debian with debootstrap (it cannot be pulled)"
  local root=$tmp/debian
  debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian > "$tmp/debootstrap.log" 2>&1 ||
    { tail -n 20 "$tmp/debootstrap.log" >&2; exit 1; }
  cat > "$root/etc/apt/sources.list" <<-END
	deb http://deb.debian.org/debian bookworm main
	deb http://deb.debian.org/debian bookworm-updates main
	deb http://deb.debian.org/debian-security bookworm-security main
	END
  # As in the public image: neither caches nor manuals.
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/{man,info,locale}/*
  tar -C "$root" -c . | "$engine" import --change 'CMD ["bash"]' --message 'git-sync: debootstrap' - "$debian" >/dev/null
}

make_golang() {
  need go golang
  echo "making $golang from $debian and $(go env GOROOT) (it cannot be pulled)"
  local context=$tmp/golang
  mkdir -p "$context/certs"
  tar -C "$(go env GOROOT)" --exclude=./test --exclude=./doc --exclude=./api --exclude=./misc -c . > "$context/go.tar"
  # What this machine trusts, for the module proxy may be behind a proxy of its own. It does not get into the image.
  cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$context/certs/ca-certificates.crt"
  cat > "$context/Dockerfile" <<-END
	FROM $debian
	ADD go.tar /usr/local/go/
	COPY certs /etc/ssl/certs
	ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local
	END
  "$engine" build -q -t "$golang" "$context" >/dev/null
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/git-sync-bases.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
pull "$debian" || make_debian
pull "$golang" || make_golang
