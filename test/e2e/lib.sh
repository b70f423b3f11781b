# shellcheck shell=bash
# What every scenario uses: the temporary directory, the count, waiting, and repositories to push to.
#
# A scenario is a function; `scenario NAME TITLE` announces it. It runs in a subshell with set -e: any command that fails
# fails it. What it prints is shown only then. `skip WHY` ends it without a verdict, `note TEXT` adds to its line.

engine=${E2E_ENGINE:-docker}
run=$$
scenarios=()
declare -A title=()
passed=0 failed=0 skipped=0
secret_uid=65533 # of the container's user

scenario() { scenarios+=("$1"); title[$1]=$2; }
note() { printf '%s\n' "$*" >> "$w/notes"; }
skip() { note "$*"; exit 77; }
fail() { echo "FAILED: $*"; exit 1; }

begin() {
  w=$(mktemp -d "${TMPDIR:-/tmp}/git-sync-e2e.XXXXXX")
  chmod 0755 "$w"
  trap finish EXIT
  trap 'exit 130' INT TERM
  mkdir "$w/srv" "$w/work" "$w/logs" "$w/server"
  : > "$w/gitconfig"
  # Nobody's settings: neither git nor git-sync is to know anything of this user's.
  unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE "${!GITSYNC_@}" "${!GIT_SYNC_@}"
  export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$w/gitconfig LC_ALL=C
  export GIT_AUTHOR_NAME=Author GIT_AUTHOR_EMAIL=author@example.com GIT_COMMITTER_NAME=Author GIT_COMMITTER_EMAIL=author@example.com
  umask 022
  mode=container
  if [ "$engine" = none ]; then
    mode=process mode_reason='E2E_ENGINE=none'
  elif ! "$engine" version >/dev/null 2>&1; then
    mode=process mode_reason="'$engine version' does not answer"
  fi
}

finish() {
  local code=$?
  trap - EXIT INT TERM
  set +e
  podman_stop
  if declare -F engine_stop >/dev/null; then engine_stop; fi
  rm -rf "$w" 2>/dev/null || echo "e2e.sh: $w could not be removed" >&2
  exit "$code"
}

run_scenario() { # run_scenario NAME
  local began=$SECONDS code verdict
  : > "$w/notes"
  set +e
  (set -e; cd "$w"; "s_${1//-/_}") > "$w/logs/$1.log" 2>&1 < /dev/null
  code=$?
  set -e
  case $code in
    0) verdict=PASS; passed=$((passed + 1)) ;;
    77) verdict=SKIP; skipped=$((skipped + 1)) ;;
    *) verdict=FAIL; failed=$((failed + 1)) ;;
  esac
  printf '%s  %-18s %s (%d s)%s\n' "$verdict" "$1" "${title[$1]}" $((SECONDS - began)) "$(sed 's/^/; /' "$w/notes" | tr -d '\n')"
  if [ "$verdict" = FAIL ]; then
    { cat "$w/logs/$1.log"; echo '(of what still runs)'; gs_logs; } 2>&1 | tail -n 60 | sed 's/^/      | /'
  fi
  gs_forget
}

summary() {
  printf '\n%d passed, %d failed, %d skipped in %d s\n' "$passed" "$failed" "$skipped" "$SECONDS"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

until_ok() { # until_ok SECONDS COMMAND...: until the command succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "not within its time: $*"
    sleep 0.1
  done
}

equal() { # equal GOT WANTED WHAT
  [ "$1" = "$2" ] || fail "$3 is '$1', should be '$2'"
}

upstream() { # upstream NAME: makes foo/NAME.git, with the article's two templates; its clone is work/NAME
  local bare=$w/srv/foo/$1.git
  git init --quiet --bare --initial-branch=main "$bare"
  git -C "$bare" config uploadpack.allowFilter true
  git clone --quiet "$bare" "$w/work/$1" 2>/dev/null
  git -C "$w/work/$1" checkout --quiet -B main
  mkdir -p "$w/work/$1/folder1" "$w/work/$1/folder2/folder2b"
  echo 'Goodbye, {{name}}.' > "$w/work/$1/folder2/folder2b/bar.md"
  push "$1" 'Hello, {{name}}.'
}

push() { # push NAME TEXT: what a colleague does; prints nothing, sets $head
  local clone=$w/work/$1
  printf '%s\n' "$2" > "$clone/folder1/foo.md"
  git -C "$clone" add --all
  git -C "$clone" commit --quiet --message "$2"
  git -C "$clone" push --quiet origin HEAD
  head=$(git -C "$clone" rev-parse HEAD)
}

volume() { # volume NAME [OWNER:GROUP]: a directory that can be mounted; sets $dir
  dir=$w/vol/$1
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ] && [ -n "${2:-}" ]; then
    chown "$2" "$dir"
    chmod 0755 "$dir"
  else
    chmod 0777 "$dir"
  fi
}

published() { # published LINK HASH: the link leads to that revision, in either layout
  local to
  to=$(readlink "$1") && [[ $to == *"$2" ]]
}

content() { # content FILE TEXT
  [ "$(cat "$1")" = "$2" ]
}

same_as_commit() { # same_as_commit LINK NAME HASH: the published tree is that commit, byte for byte
  rm -rf "$w/expected"
  mkdir "$w/expected"
  git -C "$w/work/$2" archive "$3" | tar -x -C "$w/expected"
  diff -r --no-dereference --exclude=.git "$w/expected" "$1/"
}
