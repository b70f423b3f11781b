#!/usr/bin/env bash
# in-memory.sh COMMAND...: runs it with its temporary files in memory, where there is room and programs may run from there: tests
# make many small files and flush them, which on some disks takes eight times as long. They are removed at the end.
# The directory's name is short, since those of sockets below it have to be.
set -euo pipefail
if dir=$(mktemp -d /dev/shm/gs.XXXXXX 2>/dev/null); then
  chmod 1777 "$dir" # as /tmp is: some tests become other users
  trap 'rm -rf "$dir"' EXIT
  trap 'exit 130' INT TERM
  if [ "$(df --output=avail -m "$dir" | tail -n 1)" -ge 2048 ] && cp "$(type -P true)" "$dir/true" && "$dir/true" 2>/dev/null; then
    export TMPDIR=$dir
  fi
fi
"$@"
