# shellcheck shell=bash
# What goes wrong in the first minutes: the message says what is wrong and what to do.

refused() { # refused NAME TEXT...: git-sync ended with 1 (or $code), and each TEXT is in what it printed
  gs_log "$1"
  equal "$status" "${code:-1}" 'the exit code'
  local name=$1 text
  shift
  for text; do gs_log "$name" | grep -F >/dev/null -- "$text" || fail "it does not say '$text'"; done
}

as_root() { [ "$(id -u)" = 0 ] || skip 'only root can make files of other users'; }

scenario volume-not-ours 'a volume of another user: UIDs, mode and remedy'
s_volume_not_ours() {
  as_root
  upstream mine
  volume mine 0:0
  gs_run mine -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/mine.git" --root=/git --link=site --one-time
  code=2 refused mine 'permission denied' 'UID 0' 'mode 0755' 'UID 65533' fsGroup
}

scenario volume-read-only 'a volume that is mounted read-only'
s_volume_read_only() {
  [ "$mode" = container ] || skip 'no container engine'
  upstream fixed
  volume fixed 65533:65533
  gs_run fixed -u 65533:65533 -v "$dir:/git:ro" -- --repo="${git_base}foo/fixed.git" --root=/git --link=site --one-time
  code=2 refused fixed 'read-only file system' 'or of the published directory, writable'
  equal "$(gs_log fixed | grep -c 'read-only file system')" 1 'the number of errors'
}

scenario secret-missing 'a secret that is not mounted'
s_secret_missing() {
  upstream keyless
  volume keyless 65533:65533
  gs_run keyless -u 65533:65533 -v "$dir:/git" -- --repo="${https_base:-https://127.0.0.1/}foo/keyless.git" --root=/git --link=site --one-time \
    --username=x --password-file=/etc/git-password/password
  refused keyless '/etc/git-password/password: no such file or directory' 'is the secret mounted'
}

scenario secret-unreadable "a key that only root may read, and one of another group"
s_secret_unreadable() {
  as_root
  upstream keyed
  volume keyed 65533:65533
  local mode_of remedy
  cp -r "$w/secret" "$w/other-secret"
  for mode_of in 0400:0 0440:12345; do
    remedy='fsGroup: 65533 in the pod'"'"'s securityContext, elsewhere chgrp 65533 and chmod g+rX'
    [ "$mode_of" = 0400:0 ] || remedy='supplementalGroups: [12345]' # the group may read it: joining it is enough
    chown "0:${mode_of#*:}" "$w"/other-secret/*
    chmod "${mode_of%:*}" "$w"/other-secret/*
    gs_run keyed -u 65533:65533 -v "$dir:/git" -v "$w/other-secret:/etc/git-secret:ro" -- --repo="${ssh_base}foo/keyed.git" --root=/git --link=site --one-time
    refused keyed 'permission denied' "GID ${mode_of#*:}" "mode ${mode_of%:*}" 'UID 65533' "$remedy"
  done
}

scenario named-volume 'any UID with the group 65533 can write to a named volume'
s_named_volume() {
  [ "$mode" = container ] || skip 'no container engine'
  upstream named
  local volume=git-sync-e2e-$run
  "$engine" volume create --label "$label" "$volume" >/dev/null
  gs_run named -u 1234:1234 -g 65533 -v "$volume:/git" -- --repo="${git_base}foo/named.git" --link=site --one-time
  gs_log named
  "$engine" volume rm "$volume" >/dev/null
  equal "$status" 0 'the exit code'
}
