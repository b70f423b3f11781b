# shellcheck shell=bash
# What the image is, before it does anything.

only_image() { [ "$mode" = container ] || skip 'no container engine'; }

rootfs() { # rootfs FLAVOUR: the image's file system, as root sees it, below $w/rootfs/FLAVOUR
  [ ! -d "$w/rootfs/$1" ] || return 0
  local id
  mkdir -p "$w/rootfs/$1"
  id=$("$engine" create --label "$label" "git-sync-e2e:$1")
  "$engine" export "$id" > "$w/rootfs/$1.tar"
  "$engine" rm "$id" >/dev/null
  tar -x -p -f "$w/rootfs/$1.tar" -C "$w/rootfs/$1"
}

inspect() { "$engine" image inspect "git-sync-e2e:$1" --format "$2"; }

scenario image-config 'runs as 65533, HOME=/tmp, root /git; labels say of which source it is made'
s_image_config() {
  only_image
  local flavour labels
  for flavour in image minimal lfs; do
    equal "$(inspect $flavour '{{.Config.User}} {{.Config.Env}} {{.Config.WorkingDir}} {{.Config.Entrypoint}}')" \
      '65533:65533 [PATH=/usr/bin HOME=/tmp GITSYNC_ROOT=/git] /tmp [/git-sync]' "the configuration of $flavour"
    labels=$(inspect $flavour '{{range $name, $value := .Config.Labels}}{{$name}}={{$value}} {{end}}')
    for label in version=e2e revision=0123456789 source=https://git.example/git-sync; do
      [[ $labels == *"org.opencontainers.image.$label "* ]] || fail "no label $label: $labels"
    done
  done
}

scenario image-files 'no setuid, nothing that everybody may change but /tmp, /git for the group'
s_image_files() {
  only_image
  local flavour files
  for flavour in image minimal lfs; do
    rootfs $flavour
    files=$w/files.$flavour
    tar -t -v --numeric-owner -f "$w/rootfs/$flavour.tar" | awk '{print $1, $2, $6}' > "$files"
    # The engine's own files (/dev, /proc, /etc/hosts and the like) are not ours.
    equal "$(grep -E '^.{3}[sS]|^.{6}[sS]' "$files" || true)" '' 'what is setuid or setgid'
    equal "$(grep -E '^[^l].{7}w' "$files" | grep -vE ' (dev|proc|sys)/' || true)" 'drwxrwxrwt 0/0 tmp/' 'what everybody may change'
    grep -x >/dev/null 'drwxrwxr-x 65533/65533 git/' "$files"
    grep -x >/dev/null -- '-rw-r--r-- 0/0 etc/passwd' "$files"
  done
  equal "$(awk '{print $3}' "$w/files.minimal" | grep -E '^(usr/)?s?bin/.' | sort | tr '\n' ' ')" \
    'usr/bin/dash usr/bin/git usr/bin/git-upload-pack usr/bin/gpg usr/bin/sh usr/bin/ssh usr/bin/ssh-keygen ' "minimal's programs"
}

scenario image-tools 'the tools that hooks call; git-lfs in its flavour only'
s_image_tools() {
  only_image
  local tools=(awk basename bash cat chmod cp curl cut date dirname env find grep gzip head ln ls mkdir mktemp mv readlink rm sed sha256sum sleep
    sort stat tail tar tee timeout touch tr uniq wc xargs)
  # shellcheck disable=SC2016 # for the shell in the image
  "$engine" run --rm --network none --entrypoint /bin/bash git-sync-e2e:image -c \
    'for tool; do case $tool in awk) awk "BEGIN { exit }" ;; *) "$tool" --version >/dev/null ;; esac || { echo "$tool does not run"; exit 1; }; done' \
    bash "${tools[@]}"
  "$engine" run --rm --network none --entrypoint /usr/bin/git git-sync-e2e:lfs lfs version
  ! "$engine" run --rm --network none --entrypoint /usr/bin/git git-sync-e2e:image lfs version || fail 'git-lfs is in the default image'
}

scenario image-size 'at most 60 MB unpacked, minimal 50 MB'
s_image_size() {
  only_image
  note "$(for flavour in image minimal lfs; do printf '%s %d kB ' $flavour $(($(inspect $flavour '{{.Size}}') / 1000)); done)"
  [ "$(inspect image '{{.Size}}')" -le 60000000 ] && [ "$(inspect minimal '{{.Size}}')" -le 50000000 ]
}

scenario image-packages 'os-release, and of each Debian package its version and licence, where scanners look'
s_image_packages() {
  only_image
  rootfs lfs
  local root=$w/rootfs/lfs package
  grep -qx 'ID=debian' "$root/etc/os-release"
  for package in git openssh-client libc6 bash curl git-lfs; do
    [ -e "$root/var/lib/dpkg/status.d/$package" ] || fail "$package is not described"
  done
  for package in "$root"/var/lib/dpkg/status.d/*; do
    grep -q "^Package: $(basename "$package")$" "$package" && grep -q '^Version: ' "$package" || fail "$package does not say what it is"
    [ -s "$root/usr/share/doc/$(basename "$package")/copyright" ] || fail "no licence of $(basename "$package")"
  done
  note "$(find "$root/var/lib/dpkg/status.d" -type f | wc -l) packages"
}

libraries() { # libraries ROOT: every library that a program or library below ROOT names is there
  command -v readelf >/dev/null || skip 'readelf is not installed (Debian: apt-get install binutils)'
  # readelf also meets what is no program.
  { find "$1/usr" "$1/git-sync" -type f -exec readelf -d {} + 2>/dev/null || true; } | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u > "$w/needed"
  grep -qx 'libc.so.6' "$w/needed"
  local name
  while read -r name; do
    compgen -G "$1/usr/lib*/$name" >/dev/null || compgen -G "$1/usr/lib/*/$name" >/dev/null || fail "the library $name is not there"
  done < "$w/needed"
}

scenario image-libraries 'every library that is needed'
s_image_libraries() {
  only_image
  local flavour
  for flavour in image minimal lfs; do
    rootfs $flavour
    libraries "$w/rootfs/$flavour"
  done
}

scenario reproducible 'the same binary from another directory, user and cache'
s_reproducible() {
  only_image
  rootfs image
  local elsewhere=$w/elsewhere/git-sync
  # The image's compiler is what counts; here it is this machine's.
  local inside
  inside=$(go version "$w/rootfs/image/git-sync" | awk '{print $NF}')
  [ "$inside" = "$(go env GOVERSION)" ] || skip "the image was compiled by $inside, this machine has $(go env GOVERSION)"
  mkdir -p "$elsewhere"
  tar -C "$here" -c go.mod go.sum cmd pkg | tar -x -C "$elsewhere"
  (cd "$elsewhere" && CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -tags nethttpomithttp2 -trimpath -ldflags '-s -w -buildid= -X main.version=e2e' -o "$w/again" ./cmd/git-sync)
  equal "$(sha256sum < "$w/again")" "$(sha256sum < "$w/rootfs/image/git-sync")" 'the digest'
  note "sha256 $(sha256sum < "$w/again" | cut -c 1-16), $(($(stat -c %s "$w/again") / 1000)) kB"
}

scenario layers 'built again of the same packages, the layers are the same'
s_layers() {
  only_image
  [ -n "$all" ] || skip 'takes minutes; only with --all'
  (cd "$here" && stage_build debian-again --no-cache --target debian "${product[@]}" .)
  mkdir -p "$w/layers"
  { echo FROM scratch; printf 'COPY --from=git-sync-e2e:debian-again /%s/ /\n' minimal tools lfs; } > "$w/layers/Dockerfile"
  stage_build again --no-cache "$w/layers"
  # The second layer is the binary: the scenario reproducible compares it.
  equal "$(inspect again '{{range .RootFS.Layers}}{{.}} {{end}}')" "$(inspect lfs '{{range $i, $layer := .RootFS.Layers}}{{if ne $i 1}}{{$layer}} {{end}}{{end}}')" 'the layers'
}

is_arm64() { # is_arm64 TAG: an image for arm64, its programs too, and complete
  local id file root=$w/rootfs/$1
  equal "$(inspect "$1" '{{.Os}}/{{.Architecture}}')" linux/arm64 'the platform'
  mkdir -p "$root"
  id=$("$engine" create --label "$label" --platform linux/arm64 "git-sync-e2e:$1")
  "$engine" export "$id" | tar -x -C "$root"
  "$engine" rm "$id" >/dev/null
  for file in git-sync usr/bin/git usr/bin/ssh usr/bin/bash lib/ld-linux-aarch64.so.1; do
    od -An -tx1 -j18 -N2 "$root/$file" | grep >/dev/null 'b7 00' || fail "$file is not for arm64"
  done
  libraries "$root"
}

scenario arm64 'is built for arm64 by the classic builder, though this machine cannot run it'
s_arm64() {
  only_image
  [ -n "$all" ] || skip 'takes minutes; only with --all'
  cd "$here"
  DOCKER_BUILDKIT=0 stage_build arm64 --build-arg TARGETARCH=arm64 --build-arg "BASE=$(cmd/stage-image/empty-base.sh arm64)" "${product[@]}" .
  is_arm64 arm64
}

scenario arm64-buildkit 'is built for arm64 by BuildKit'
s_arm64_buildkit() {
  only_image
  [ -n "$all" ] || skip 'takes minutes; only with --all'
  "$engine" buildx version >/dev/null 2>&1 || skip 'buildx is not installed'
  cd "$here"
  DOCKER_BUILDKIT=1 stage_build arm64-buildkit --platform linux/arm64 "${product[@]}" .
  is_arm64 arm64-buildkit
}
