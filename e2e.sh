#!/usr/bin/env bash
# e2e.sh [--purge] [--all] [SCENARIO...]: git-sync's image, driven as users drive it.
#
# It makes the base images if they cannot be pulled, builds the image with the Dockerfile as it is, and runs each scenario of
# test/e2e/scenarios in containers beside a real git server (ssh, git://, https) on a network of its own. Where there is no
# container engine it says so and runs the same scenarios on the binary. It prints PASS, FAIL or SKIP for each and a count,
# and leaves no container, network, volume, process or temporary file behind.
#
#   --purge   remove the images too, base images that were made here included; otherwise they serve the next run
#   --all     with what takes minutes: the arm64 image
#   --build   build the images and run nothing
#   E2E_ENGINE=none   run on the binary, even though there is an engine
# shellcheck disable=SC2034,SC2154 # shared with the parts that are sourced
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"
for part in lib remote bases build podman; do
  # shellcheck source=/dev/null
  . "test/e2e/$part.sh"
done

exec 3>&1 # for what is shown while a scenario runs
purge='' all='' build='' wanted=()
for arg in "$@"; do
  case $arg in
    --purge) purge=1 ;;
    --all) all=1 ;;
    --build) build=1 ;;
    -*) echo "e2e.sh: $arg? (--purge, --all, --build, or names of scenarios)" >&2; exit 2 ;;
    *) wanted+=("$arg") ;;
  esac
done

begin
if [ "$mode" = container ]; then
  # shellcheck source=/dev/null
  . test/e2e/containers.sh
  echo "containers: $engine $("$engine" version --format '{{.Server.Version}}')"
else
  # shellcheck source=/dev/null
  . test/e2e/processes.sh
  echo "no container engine here ($mode_reason): the scenarios run on the binary, those of the image itself are skipped"
fi
build_all
[ -z "$build" ] || exit 0
remote_start
for file in test/e2e/scenarios/*.sh; do
  # shellcheck source=/dev/null
  . "$file"
done
for name in "${wanted[@]}"; do
  [[ " ${scenarios[*]} " == *" $name "* ]] || { echo "e2e.sh: there is no scenario $name, but: ${scenarios[*]}" >&2; exit 2; }
done
for name in "${scenarios[@]}"; do
  if [ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $name "* ]]; then
    run_scenario "$name"
  fi
done
summary
