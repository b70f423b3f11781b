# shellcheck shell=bash
# Every hook that docs/hooks.md shows, run in the default image.

hook_example() { # hook_example N: makes $w/hooks/N of the page's Nth script
  mkdir -p "$w/hooks"
  awk -v n="$1" '/^```sh$/ { i++; inside = 1; next } /^```$/ { inside = 0 } inside && i == n' "$here/docs/hooks.md" > "$w/hooks/$1"
  [ -s "$w/hooks/$1" ] || fail "docs/hooks.md has no script $1"
  chmod 0755 "$w/hooks/$1"
}

hooked() { # hooked NAME HOOK-OPTION N [OPTION...]: one sync of foo/NAME.git with the page's Nth script
  local name=$1 option=$2 n=$3
  shift 3
  hook_example "$n"
  gs_run "$name" -u 65533:65533 -v "$dir:/git" -v "$w/hooks:/hooks:ro" "$@" -- --repo="${git_base}foo/$name.git" --root=/git --link=site --one-time \
    "--$option=/hooks/$n"
  gs_log "$name"
}

scenario hook-signal 'the page of hooks: a signal to a server in the same pod'
s_hook_signal() {
  [ "$mode" = container ] || skip 'no container engine'
  upstream signal
  volume signal 65533:65533
  # shellcheck disable=SC2016 # for the shell in the container
  "$engine" run --detach --label "$label" --name "git-sync-e2e-$run-server" --network none --user 65533:65533 --volume "$dir:/git" git-sync-e2e:debian \
    sh -c 'trap "touch /git/reloaded" HUP; echo $$ > /git/pid; while :; do sleep 0.1; done' >/dev/null
  until_ok 20 test -s "$dir/pid"
  hooked signal exechook-command 1 --pod server -e SERVER_PID_FILE=/git/pid
  equal "$status" 0 'the exit code'
  until_ok 20 test -e "$dir/reloaded"
}

scenario hook-archive 'the page of hooks: an archive of each revision'
s_hook_archive() {
  upstream archive
  volume archive 65533:65533
  mkdir -m 0777 "$w/archives"
  hooked archive exechook-command 2 -v "$w/archives:/archives" -e OUT=/archives
  equal "$status" 0 'the exit code'
  equal "$(tar -x -O -f "$w/archives/$head.tar" ./folder1/foo.md)" 'Hello, {{name}}.' 'the file in the archive'
}

scenario hook-gate 'the page of hooks: the gate publishes nothing that has a conflict in it'
s_hook_gate() {
  upstream gate
  volume gate 65533:65533
  echo 'a: 1' > "$w/work/gate/config.yaml"
  push gate good
  hooked gate pre-publish-exechook-command 3
  equal "$status" 0 'the exit code of a good revision'
  local good=$head
  printf '<<<<<<< ours\na: 1\n' > "$w/work/gate/config.yaml"
  push gate conflict
  hooked gate pre-publish-exechook-command 3
  equal "$status" 1 'the exit code of a conflict'
  gs_log gate | grep >/dev/null 'a merge conflict was committed'
  published "$dir/site" "$good"
}

scenario hook-gate-minimal 'the same gate in the image that has no grep: it refuses, and says why'
s_hook_gate_minimal() {
  [ "$mode" = container ] || skip 'no container engine'
  upstream toolless
  volume toolless 65533:65533
  echo 'a: 1' > "$w/work/toolless/config.yaml"
  push toolless good
  gs_image=git-sync-e2e:minimal hooked toolless pre-publish-exechook-command 3
  equal "$status" 1 'the exit code'
  gs_log toolless | grep >/dev/null 'grep: not found'
  [ ! -e "$dir/site" ]
}
