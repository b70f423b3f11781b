# shellcheck shell=bash
# Manifests of others, as they are.

# airflow NAME: what the Apache Airflow chart gives to git-sync: both generations of names at once, and no arguments.
airflow() {
  local repo=${ssh_base}foo/$1.git pair
  for pair in GIT_SSH_KEY_FILE=/etc/git-secret/ssh GITSYNC_SSH_KEY_FILE=/etc/git-secret/ssh GIT_SYNC_SSH=true GITSYNC_SSH=true \
    GIT_KNOWN_HOSTS=true GITSYNC_SSH_KNOWN_HOSTS=true \
    GIT_SSH_KNOWN_HOSTS_FILE=/etc/git-secret/known_hosts GITSYNC_SSH_KNOWN_HOSTS_FILE=/etc/git-secret/known_hosts \
    GIT_SYNC_REV=HEAD GITSYNC_REF=main GIT_SYNC_BRANCH=main "GIT_SYNC_REPO=$repo" "GITSYNC_REPO=$repo" \
    GIT_SYNC_DEPTH=1 GITSYNC_DEPTH=1 GIT_SYNC_ROOT=/git GITSYNC_ROOT=/git GIT_SYNC_DEST=repo GITSYNC_LINK=repo \
    GIT_SYNC_ADD_USER=true GITSYNC_ADD_USER=true GITSYNC_PERIOD=5s GIT_SYNC_MAX_SYNC_FAILURES=0 GITSYNC_MAX_FAILURES=0; do
    [ "$mode" = process ] && pair=${pair//"=/etc/git-secret/"/"=$w/secret/"}
    env+=(-e "$pair")
  done
}

scenario airflow "the Airflow chart's environment, init container and sidecar"
s_airflow() {
  upstream airflow
  volume airflow 50000:65533
  local env=()
  airflow airflow
  [ "$mode" = process ] || env+=(-v "$w/secret:/etc/git-secret:ro")
  gs_run init -u 50000:65533 -v "$dir:/git" "${env[@]}" -e GIT_SYNC_ONE_TIME=true -e GITSYNC_ONE_TIME=true --
  gs_log init
  equal "$status" 0 "the init container's exit code"
  content "$dir/repo/folder1/foo.md" 'Hello, {{name}}.'
  gs_start sidecar -u 50000:65533 -v "$dir:/git" "${env[@]}" --
  push airflow 'A new DAG.'
  until_ok 30 published "$dir/repo" "$head"
  # No warning for the variables that charts set.
  ! gs_log sidecar | grep -iE 'unknown|GITSYNC_SSH[^_]|deprecat' || fail 'complaints about the chart'
}

scenario config-sync "Config Sync's arguments"
s_config_sync() {
  upstream config
  volume config 65533:65533
  gs_start sync -u 65533:65533 -v "$dir:/repo/source" -v "$w/secret:/etc/git-secret:ro" -e "GITSYNC_REPO=${ssh_base}foo/config.git" -e GITSYNC_REF=main \
    -e GITSYNC_PERIOD=1s -- --root=/repo/source --link=rev --max-failures=30 --error-file=error.json
  until_ok 30 published "$dir/rev" "$head"
  equal "$(basename "$(readlink "$dir/rev")")" "$head" "the leaf of the link's target"
  mv "$w/srv/foo/config.git" "$w/srv/foo/gone.git"
  until_ok 30 test -s "$dir/error.json"
  grep -q '"Msg"' "$dir/error.json" && grep -q '"Err"' "$dir/error.json"
  content "$dir/rev/folder1/foo.md" 'Hello, {{name}}.'
  mv "$w/srv/foo/gone.git" "$w/srv/foo/config.git"
  push config 'Better.'
  until_ok 60 published "$dir/rev" "$head"
  until_ok 10 test ! -e "$dir/error.json"
}
