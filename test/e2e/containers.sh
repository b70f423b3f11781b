# shellcheck shell=bash
# Driving git-sync in containers. processes.sh has the same functions for the binary.
#
#   gs_run NAME [OPTION...] -- ARG...     run it to its end; $status is its exit code, gs_log NAME what it printed
#   gs_start NAME [OPTION...] -- ARG...   leave it running
#   gs_kill NAME SIGNAL | gs_wait NAME | gs_again NAME | gs_log NAME | gs_address NAME PORT
#
# Options: -u UID[:GID], -g GROUP, -v DIR:PATH[:ro], -e NAME=VALUE, --pod NAME (with that one's processes), --tty,
# --locked (read-only root, no capability, no new privileges).
ssh_base=git@git.example:
git_base=git://git.example/
https_base=https://git.example/
label=git-sync-e2e=$run
network=git-sync-e2e-$run

remote_listen() {
  "$engine" network create --label "$label" "$network" >/dev/null
  gateway=$("$engine" network inspect "$network" --format '{{(index .IPAM.Config 0).Gateway}}')
  "$engine" run --detach --label "$label" --name "git-sync-e2e-$run-remote" --network "$network" \
    --publish "$gateway::22" --volume "$w/srv:/srv:ro" --volume "$w/server:/etc/server:ro" git-sync-e2e:server >/dev/null
  # By address, for the engine's own name service is not everywhere at hand.
  remote_address=$(gs_address remote '')
  ssh_port=$("$engine" port "git-sync-e2e-$run-remote" 22/tcp | sed 's/.*://')
  until_ok 30 ssh-keyscan -p "$ssh_port" "$gateway"
}

known_hosts() {
  local key
  key=$(cut -d ' ' -f 1,2 "$w/server/host_key.pub")
  echo "git.example $key"
  echo "[$gateway]:$ssh_port $key"
}

gs_options() { # translates options into $gs_opts; the rest, behind --, into $args
  gs_opts=(--label "$label" --network "$network" --add-host "git.example:${remote_address%:}")
  while [ $# -gt 0 ]; do
    case $1 in
      -u) gs_opts+=(--user "$2"); shift ;;
      -v) gs_opts+=(--volume "$2"); shift ;;
      -e) gs_opts+=(--env "$2"); shift ;;
      -g) gs_opts+=(--group-add "$2"); shift ;;
      --pod) gs_opts+=(--pid "container:git-sync-e2e-$run-$2"); shift ;;
      --locked) gs_opts+=(--read-only --cap-drop=ALL --security-opt=no-new-privileges) ;;
      --tty) gs_opts+=(--tty) ;;
      --) shift; break ;;
    esac
    shift
  done
  args=("$@")
}

gs_run() {
  local name=git-sync-e2e-$run-$1
  shift
  gs_options "$@"
  status=0
  "$engine" run --name "$name" "${gs_opts[@]}" "${gs_image:-git-sync-e2e:image}" "${args[@]}" > "$w/logs/$name" 2>&1 || status=$?
  "$engine" rm --force --volumes "$name" >/dev/null
}

gs_start() {
  local name=git-sync-e2e-$run-$1
  shift
  gs_options "$@"
  "$engine" run --detach --name "$name" "${gs_opts[@]}" "${gs_image:-git-sync-e2e:image}" "${args[@]}" >/dev/null
}

gs_kill() { "$engine" kill --signal "$2" "git-sync-e2e-$run-$1" >/dev/null; }
gs_wait() { status=$("$engine" wait "git-sync-e2e-$run-$1"); }
gs_again() { "$engine" start "git-sync-e2e-$run-$1" >/dev/null; }
gs_log() {
  local name=git-sync-e2e-$run-$1
  if [ -e "$w/logs/$name" ]; then cat "$w/logs/$name"; else "$engine" logs "$name" 2>&1; fi
}
gs_address() {
  printf '%s:%s' "$("$engine" inspect "git-sync-e2e-$run-$1" --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')" "$2"
}

# consumer DIR:PATH COMMAND...: what another container sees.
consumer() {
  local mount=$1
  shift
  "$engine" run --rm --label "$label" --network none --volume "$mount:ro" git-sync-e2e:debian "$@"
}

running() { # the containers of the scenario
  "$engine" ps --all --filter "label=$label" --format '{{.ID}} {{.Names}}' | awk '$2 !~ /-remote$/ {print $1}'
}

gs_logs() { running | xargs -r -n 1 "$engine" logs --tail 20; }

# gs_forget removes what a scenario left running.
gs_forget() { running | xargs -r "$engine" rm --force --volumes >/dev/null; }

engine_stop() {
  "$engine" ps --all --quiet --filter "label=$label" | xargs -r "$engine" rm --force --volumes >/dev/null
  "$engine" volume ls --quiet --filter "label=$label" | xargs -r "$engine" volume rm >/dev/null
  "$engine" network ls --quiet --filter "label=$label" | xargs -r "$engine" network rm >/dev/null
  if [ "$(id -u)" != 0 ]; then # files of other users in our directory
    "$engine" run --rm --network none --volume "$w:/w" git-sync-e2e:debian sh -c 'rm -rf /w/*' >/dev/null 2>&1
  fi
  if [ -n "$all" ]; then images_prune; fi
  if [ -n "$purge" ]; then images_purge; fi
}
