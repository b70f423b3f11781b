# shellcheck shell=bash
# What the image is, before it does anything.

only_image() { [ "$mode" = container ] || skip 'no container engine'; }

rootfs() { # the image's file system, as root sees it, below $w/rootfs
  [ -d "$w/rootfs" ] && return
  local id
  id=$("$engine" create --label "$label" git-sync-e2e:image)
  mkdir "$w/rootfs"
  "$engine" export "$id" > "$w/rootfs.tar"
  "$engine" rm "$id" >/dev/null
  tar -x -p -f "$w/rootfs.tar" -C "$w/rootfs"
}

scenario image-user 'runs as 65533, HOME=/tmp, root /git'
s_image_user() {
  only_image
  equal "$("$engine" image inspect git-sync-e2e:image --format '{{.Config.User}} {{.Config.Env}} {{.Config.Entrypoint}}')" \
    '65533:65533 [PATH=/usr/bin HOME=/tmp GITSYNC_ROOT=/git] [/git-sync]' 'the configuration'
  "$engine" image inspect git-sync-e2e:image --format '{{json .Config.Labels}}' | grep >/dev/null '"org.opencontainers.image.version":"e2e"'
}

scenario image-files 'no setuid, nothing that everybody may change but /tmp, /git for the group'
s_image_files() {
  only_image
  rootfs
  tar -t -v --numeric-owner -f "$w/rootfs.tar" > "$w/files"
  # Files of the engine's own (/dev, /proc, /etc/hosts and the like) are not ours.
  equal "$(grep -E '^.{3}[sS]|^.{6}[sS]' "$w/files" || true)" '' 'what is setuid or setgid'
  equal "$(grep -E '^[^l].{7}w' "$w/files" | awk '{print $1, $2, $6}' | grep -vE ' (dev|proc|sys)/' || true)" 'drwxrwxrwt 65533/0 tmp/' 'what everybody may change'
  awk '{print $1, $2, $6}' "$w/files" | grep -x >/dev/null 'drwxrwxr-x 65533/0 git/'
  awk '{print $1, $2, $6}' "$w/files" | grep -x >/dev/null -- '-rw-r--r-- 0/0 etc/passwd'
  equal "$(awk '{print $6}' "$w/files" | grep -E '^(usr/)?s?bin/.' | sort | tr '\n' ' ')" \
    'usr/bin/dash usr/bin/git usr/bin/git-upload-pack usr/bin/gpg usr/bin/gpgv usr/bin/sh usr/bin/ssh usr/bin/ssh-keygen ' 'the programs'
}

scenario image-size 'below 60 MB unpacked'
s_image_size() {
  only_image
  local size
  size=$("$engine" image inspect git-sync-e2e:image --format '{{.Size}}')
  note "$((size / 1000000)) MB, with git-lfs $(($("$engine" image inspect git-sync-e2e:lfs --format '{{.Size}}') / 1000000)) MB"
  [ "$size" -lt 60000000 ]
}

scenario image-sbom 'lists every Debian package and Go module in it'
s_image_sbom() {
  only_image
  rootfs
  local bill=$w/rootfs/usr/share/sbom/git-sync.spdx.json package
  for package in "$w"/rootfs/var/lib/dpkg/status.d/*; do
    grep -q "\"pkg:deb/debian/$(basename "$package")@" "$bill" || fail "$(basename "$package") is not listed"
    [ -s "$w/rootfs/usr/share/doc/$(basename "$package")/copyright" ]
  done
  go version -m "$w/rootfs/git-sync" > "$w/modules"
  awk '$1 == "dep" {print "pkg:golang/" $2 "@" $3}' "$w/modules" | while read -r module; do
    grep -qF "\"$module\"" "$bill" || fail "$module is not listed"
  done
  note "$(grep -c '"pkg:deb' "$bill") Debian packages, $(grep -c '"pkg:golang' "$bill") Go modules"
}

scenario reproducible 'the same binary from another directory, user and cache'
s_reproducible() {
  only_image
  rootfs
  local elsewhere=$w/elsewhere/git-sync
  # The image's compiler is what counts; here it is this machine's.
  local inside
  inside=$(go version "$w/rootfs/git-sync" | awk '{print $NF}')
  [ "$inside" = "$(go env GOVERSION)" ] || skip "the image was compiled by $inside, this machine has $(go env GOVERSION)"
  mkdir -p "$elsewhere"
  tar -C "$here" -c go.mod go.sum cmd pkg | tar -x -C "$elsewhere"
  (cd "$elsewhere" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -ldflags '-s -w -buildid= -X main.version=e2e' -o "$w/again" ./cmd/git-sync)
  equal "$(sha256sum < "$w/again")" "$(sha256sum < "$w/rootfs/git-sync")" 'the digest'
  note "sha256 $(sha256sum < "$w/again" | cut -c 1-16), $(($(stat -c %s "$w/again") / 1000)) kB"
}

scenario arm64 'is built for arm64, though this machine cannot run it'
s_arm64() {
  only_image
  [ -n "$all" ] || skip 'takes minutes; only with --all'
  (cd "$here" && stage_build arm64 --platform linux/arm64 --build-arg TARGETARCH=arm64 .)
  local id file
  equal "$("$engine" image inspect git-sync-e2e:arm64 --format '{{.Architecture}}')" arm64 'the architecture'
  id=$("$engine" create --label "$label" --platform linux/arm64 git-sync-e2e:arm64)
  mkdir "$w/arm64"
  "$engine" export "$id" | tar -x -C "$w/arm64"
  "$engine" rm "$id" >/dev/null
  for file in git-sync usr/bin/git usr/bin/ssh lib/ld-linux-aarch64.so.1; do
    od -An -tx1 -j18 -N2 "$w/arm64/$file" | grep >/dev/null 'b7 00'
  done
}

scenario lfs 'the second flavour has git-lfs, the first has not'
s_lfs() {
  only_image
  "$engine" run --rm --network none --entrypoint /usr/bin/git git-sync-e2e:lfs lfs version
  ! "$engine" run --rm --network none --entrypoint /usr/bin/git git-sync-e2e:image lfs version || fail 'the first flavour has git-lfs'
}
