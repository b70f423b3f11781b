#!/usr/bin/env bash
# Puts one known bug after the other into a copy of the source, and shows that the tests find it: each has to fail, and for
# the reason that is expected. Run by `make crash-seeds`.
set -euo pipefail
cd "$(dirname "$0")/../.."
copy=$(mktemp -d "${TMPDIR:-/tmp}/git-sync-seeds-XXXXXX")
trap 'rm -rf "$copy"' EXIT

# seed NAME PACKAGE TEST EXPECTED: with the bug, the test fails and says what is expected.
missed=0
seed() {
  rm -rf "$copy/src"
  mkdir "$copy/src"
  git ls-files -z | xargs -0 cp --parents -t "$copy/src"
  (cd "$copy/src" && GIT_CEILING_DIRECTORIES="$copy" git apply -) <"test/crash/seeds/$1.patch"
  if (cd "$copy/src" && GITSYNC_TEST=full go test -count=1 -timeout=20m -run "$3" "$2") >"$copy/log" 2>&1; then
    echo "NOT FOUND  $1: $3 passes"
    missed=1
  elif ! grep -q "$4" "$copy/log"; then
    echo "NOT FOUND  $1: $3 fails, but not for the reason that was expected:"
    cat "$copy/log"
    missed=1
  else
    printf 'found      %-20s %s\n' "$1" "$(grep -m1 -o ".\{0,40\}$4.\{0,60\}" "$copy/log")"
  fi
}

seed no-flush            ./test/crash  '^TestCrash$/^update$'             'was flushed'
seed fixed-link-name     ./test/crash  '^TestCrash$/^update$'             'link.new'
seed delete-before-flip  ./test/crash  '^TestCrash$/^update$'             'neither the old tree nor the new one'
seed kill-only-the-child ./test/faults '^TestBadNetwork$/^silent_about'   'left behind'
exit $missed
