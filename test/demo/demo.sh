#!/usr/bin/env bash
# The main job in a minute: a small upstream repository, an init container that makes sure there is something to serve, a
# sidecar that keeps it fresh, and a consumer that reads. Everything happens in a temporary directory that is removed again.
# It stops with an error if anything is not as it says, so CI runs it too.
set -euo pipefail
git_sync=$(realpath "${1:?usage: demo.sh path/to/git-sync}")

tmp=$(mktemp -d "${TMPDIR:-/tmp}/git-sync-demo.XXXXXX")
sidecar=
cleanup() {
  if [ -n "$sidecar" ]; then kill "$sidecar" 2>/dev/null || true; wait "$sidecar" 2>/dev/null || true; fi
  rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Neither git nor git-sync is to know anything of this user's settings.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE "${!GITSYNC_@}" "${!GIT_SYNC_@}"
export HOME=$tmp GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
export GIT_AUTHOR_NAME='An Author' GIT_AUTHOR_EMAIL=author@example.com
export GIT_COMMITTER_NAME='An Author' GIT_COMMITTER_EMAIL=author@example.com

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '  $ %s\n' "$*"; (cd "$tmp" && "$@") | sed 's/^/    /'; }
logged() { sed "s#$tmp#...#g; s/^/  ${dim}$1 |${plain} /"; }
die() { printf '\nThe demo went wrong: %s\n' "$*" >&2; exit 1; }

push() { # push CONTENT...: what a colleague does on their own machine
  printf '%s\n' "$@" > "$tmp/work/folder1/foo.md"
  git -C "$tmp/work" add --all
  git -C "$tmp/work" commit --quiet --message "$1"
  git -C "$tmp/work" push --quiet origin main
}

await() { # await HASH: until the sidecar says that it publishes that commit, and the link leads there
  local i
  for ((i = 0; i < 300; i++)); do
    if [ "$(readlink "$root/from-github")" = "rev-$1" ] && grep -q "$1" "$log"; then
      tail -n "+$((shown + 1))" "$log" | logged sidecar
      shown=$(wc -l < "$log")
      return
    fi
    kill -0 "$sidecar" 2>/dev/null || die "the sidecar ended: $(cat "$log")"
    sleep 0.1
  done
  die "commit $1 was not published within thirty seconds"
}

root=$tmp/templates
log=$tmp/sidecar.log
shown=0 # lines of the log

step '1. Somebody has a git repository with templates in it.'
git init --quiet --bare --initial-branch=main "$tmp/upstream.git"
git clone --quiet "$tmp/upstream.git" "$tmp/work" 2>/dev/null
git -C "$tmp/work" checkout --quiet -B main
mkdir -p "$tmp/work/folder1" "$tmp/work/folder2/folder2b"
echo 'Goodbye, {{name}}.' > "$tmp/work/folder2/folder2b/bar.md"
push 'Hello, {{name}}.'
show git -C work log --oneline
show git -C work ls-files

step '2. An init container fetches it once. The pod starts only when there is something to serve.'
args=(-repo="file://$tmp/upstream.git" -branch=main -depth=1 -root="$root" -dest=from-github -ssh=true --log-format=text)
init=("${args[@]}" -one-time=true -max-sync-failures=6 -wait=10)
printf '  $ git-sync %s\n' "${init[*]//$tmp/...}"
"$git_sync" "${init[@]}" 2>&1 | logged init
first=$(git -C "$tmp/work" rev-parse HEAD)
[ "$(readlink "$root/from-github")" = "rev-$first" ] || die 'the init container published something else'
show ls templates
show readlink templates/from-github
show cat templates/from-github/folder1/foo.md

step '3. A sidecar takes over the same directory and looks for news every second.'
loop=("${args[@]}" -max-sync-failures=-1 -wait=1)
printf '  $ git-sync %s &\n' "${loop[*]//$tmp/...}"
"$git_sync" "${loop[@]}" > "$log" 2>&1 &
sidecar=$!
await "$first"

step '4. A colleague pushes. The link is replaced in one step; whoever reads sees the old tree or the new one, never a mix.'
push 'Good morning, {{name}}.'
second=$(git -C "$tmp/work" rev-parse HEAD)
await "$second"
show readlink templates/from-github
show cat templates/from-github/folder1/foo.md

step '5. And once more.'
push 'Good evening, {{name}}.' 'It is late.'
third=$(git -C "$tmp/work" rev-parse HEAD)
await "$third"
show readlink templates/from-github
show cat templates/from-github/folder1/foo.md

step '6. The pod is stopped. The sidecar leaves at once and leaves everything in place.'
kill "$sidecar"
wait "$sidecar" || die "the sidecar ended with status $?"
sidecar=
tail -n "+$((shown + 1))" "$log" | logged sidecar
[ "$(cat "$root/from-github/folder1/foo.md")" = $'Good evening, {{name}}.\nIt is late.' ] || die 'the published tree is not whole'

printf '\nPublished, in this order:\n  rev-%s\n  rev-%s\n  rev-%s\n' "$first" "$second" "$third"
printf '\nYour own repository: git-sync --repo=URL --root=DIR --one-time\n'
