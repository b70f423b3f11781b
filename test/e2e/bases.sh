# shellcheck shell=bash
# The images that the Dockerfile and the scenarios start from, as git-sync-e2e:debian and git-sync-e2e:golang. They are pulled
# where that is possible. Elsewhere they are made: Debian by debootstrap, from the mirrors of this machine's own apt, and Go
# from that and this machine's Go. They serve the next run.
release=bookworm

bases_make() {
  base debian "debian:$release-slim" base_debian
  base golang "golang:1.26-$release" base_golang
}

base() { # base TAG PUBLIC COMMAND: pulls it, or runs the command that makes it
  local tag=git-sync-e2e:$1
  if "$engine" image inspect "$tag" >/dev/null 2>&1; then return; fi
  if "$engine" image inspect "$2" >/dev/null 2>&1; then
    "$engine" tag "$2" "$tag"
  elif progress "pulling $2" timeout 300 "$engine" pull "$2"; then
    "$engine" tag "$2" "$tag"
    "$engine" rmi "$2" >/dev/null
  else
    echo "$2 cannot be pulled: making $tag"
    "$3" "$tag"
  fi
}

need() {
  command -v "$1" >/dev/null || { echo "e2e.sh: $1 is needed to make the base images (Debian: apt-get install $2)" >&2; exit 1; }
}

# mirrors prints lines for sources.list, of this machine's own apt if it has the release.
mirrors() {
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
    grep -E "^deb http[^ ]+ $release" | sort -u
}

base_debian() {
  need debootstrap debootstrap
  [ "$(id -u)" = 0 ] || { echo 'e2e.sh: debootstrap needs root' >&2; exit 1; }
  local root=$w/debian mirror
  mirrors > "$w/mirrors" || true
  mirror=$(awk -v release=$release '$3 == release { print $2; exit }' "$w/mirrors")
  progress debootstrap debootstrap --variant=minbase $release "$root" ${mirror:+"$mirror"} || build_failed
  if [ -s "$w/mirrors" ]; then cp "$w/mirrors" "$root/etc/apt/sources.list"; fi
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/{man,info,locale}/*
  tar -C "$root" -c . | "$engine" import --change 'CMD ["bash"]' - "$1" >/dev/null
  rm -rf "$root"
}

base_golang() {
  need go golang
  local context=$w/golang
  mkdir -p "$context/certs"
  tar -C "$(go env GOROOT)" --exclude=./test --exclude=./doc --exclude=./api --exclude=./misc -c . > "$context/go.tar"
  # The module proxy may be behind a proxy with an authority that only this machine knows. It does not get into git-sync's image.
  cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$context/certs/ca-certificates.crt"
  cat > "$context/Dockerfile" <<-END
	FROM git-sync-e2e:debian
	ADD go.tar /usr/local/go/
	COPY certs /etc/ssl/certs
	ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local
	END
  stage_build golang "$context"
  rm -rf "$context"
}
