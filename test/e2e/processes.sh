# shellcheck shell=bash
# Driving the binary as containers.sh drives containers: a mounted path stands for the directory behind it, in arguments and
# variables alike, and a UID is taken on where that is possible.
pids=()

free_port() { # one that nobody listens on, outside the range that the kernel gives away
  local port
  for ((port = 20000 + RANDOM % 10000; ; port++)); do
    if ! (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
  done
}

background() { # background LOG COMMAND...: runs it in the background; sets $pid
  local log=$1
  shift
  "$@" >> "$log" 2>&1 < /dev/null &
  pid=$!
  echo "$pid" >> "$w/pids"
}

remote_listen() {
  command -v sshd >/dev/null || [ -x /usr/sbin/sshd ] || { echo 'e2e.sh: sshd is needed (Debian: apt-get install openssh-server)' >&2; exit 1; }
  ssh_port=$(free_port)
  chmod 0600 "$w/server/host_key"
  if [ "$(id -u)" = 0 ]; then mkdir -p /run/sshd; fi
  background "$w/logs/sshd" /usr/sbin/sshd -D -e -f /dev/null -h "$w/server/host_key" -p "$ssh_port" -o ListenAddress=127.0.0.1 \
    -o PidFile=none -o StrictModes=no -o UsePAM=no -o PermitRootLogin=prohibit-password -o AuthorizedKeysFile="$w/server/authorized_keys"
  git_port=$(free_port)
  background "$w/logs/daemon" "$(git --exec-path)/git-daemon" --listen=127.0.0.1 --port="$git_port" --reuseaddr --export-all --base-path="$w/srv" "$w/srv"
  ssh_base=ssh://$(id -un)@127.0.0.1:$ssh_port$w/srv/
  git_base=git://127.0.0.1:$git_port/
  until_ok 30 ssh-keyscan -p "$ssh_port" 127.0.0.1
}

known_hosts() { echo "[127.0.0.1]:$ssh_port $(cut -d ' ' -f 1,2 "$w/server/host_key.pub")"; }

gs_options() { # options into $gs_opts (a command to run before), $gs_vars, $gs_mounts; the rest, behind --, into $args
  gs_opts=() gs_vars=() gs_mounts=()
  local option
  while [ $# -gt 0 ]; do
    case $1 in
      -u)
        if [ "$(id -u)" = 0 ]; then
          option=${2#*:}
          gs_opts=(setpriv --reuid="${2%:*}" --regid="$option" --groups="$option,$secret_uid" --)
        fi
        shift ;;
      -v) gs_mounts+=("$2"); shift ;;
      -e) gs_vars+=("$2"); shift ;;
      -g) shift ;;
      --) shift; break ;;
    esac
    shift
  done
  args=("$@")
  local mount from to
  for mount in "${gs_mounts[@]}"; do
    from=${mount%%:*} to=${mount#*:}
    to=${to%:ro}
    args=("${args[@]//"=$to"/"=$from"}")
    gs_vars=("${gs_vars[@]//"=$to"/"=$from"}")
    if [ "$to" = /etc/git-secret ]; then
      gs_vars+=("GITSYNC_SSH_KEY_FILE=$from/ssh" "GITSYNC_SSH_KNOWN_HOSTS_FILE=$from/known_hosts")
    elif [ "$to" = /git ]; then
      gs_vars+=("GITSYNC_ROOT=$from")
    fi
  done
}

gs_start() {
  local name=$1
  shift
  gs_options "$@"
  printf '%s\0' "${gs_opts[@]}" env -i "PATH=$PATH" HOME=/tmp "${gs_vars[@]}" "$w/git-sync" "${args[@]}" > "$w/command.$name"
  gs_again "$name"
}

gs_again() {
  local command
  mapfile -d '' -t command < "$w/command.$1"
  background "$w/logs/gs.$1" "${command[@]}"
  echo "$pid" > "$w/pid.$1"
}

gs_run() {
  gs_start "$@"
  gs_wait "$1"
}

gs_kill() { kill -s "$2" "$(cat "$w/pid.$1")"; }
gs_wait() { status=0; wait "$(cat "$w/pid.$1")" || status=$?; }
gs_log() { cat "$w/logs/gs.$1"; }
gs_address() { printf '127.0.0.1:%s' "$2"; }

consumer() { # consumer DIR:PATH COMMAND...
  local from=${1%%:*} to=${1#*:}
  shift
  "${@//"$to"/"$from"}"
}

gs_logs() { tail -q -n 20 "$w"/logs/gs.*; }

gs_forget() {
  local file
  for file in "$w"/pid.*; do
    [ -e "$file" ] || continue
    kill -KILL "$(cat "$file")" 2>/dev/null || true
    rm -f "$file" "$w/logs/gs.$(basename "$file" | cut -c 5-)"
  done
}

engine_stop() {
  exec 2>/dev/null # the shell announces each process that is killed
  [ -e "$w/pids" ] && xargs -r kill -KILL < "$w/pids" 2>/dev/null
  wait 2>/dev/null
}
