#!/usr/bin/env bash
# run.sh [SCENARIO...]: a real Kubernetes node, and the scenarios of scenarios.sh on it; a table at the end. "make e2e-kubernetes" calls it.
# CLUSTER_WORK is where all is kept. KEEP=1 leaves the node running for the next call. See README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(realpath "$here/../..")
skip() { echo "skipped: make e2e-kubernetes: $1"; exit "${2:-0}"; }
[ "$(id -u)" = 0 ] || skip 'a Kubernetes node needs root'
unshare --mount --net --pid --uts --ipc --fork true 2>/dev/null || skip 'no namespaces of our own here'
docker info >/dev/null 2>&1 || skip 'docker does not run, which builds the images'
missing=0 # a tool that is missing is a failure in CI, which installs all
[ "${CI:-}" != true ] || missing=1
for tool in containerd:containerd runc:runc conntrack:conntrack dnsmasq:dnsmasq-base busybox:busybox-static openssl:openssl iptables:iptables curl:curl; do
  command -v "${tool%:*}" >/dev/null || skip "${tool%:*} is not installed (Debian package ${tool#*:})" "$missing"
done
[ -e /usr/lib/cni/bridge ] || skip 'there are no CNI plugins (Debian package containernetworking-plugins)' "$missing"

w=${CLUSTER_WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/git-sync-cluster}
mkdir -p "$w/results"
w=$(realpath "$w")
# shellcheck source=/dev/null
. "$here/lib.sh"
# shellcheck source=/dev/null
. "$here/scenarios.sh"
[ $# = 0 ] || scenarios=("$@")
t=$(now)
"$here/build.sh" "$w"
say "node built: $(since "$t") s"
if ! [ -e "$w/pid" ] || ! k get --raw /readyz >/dev/null 2>&1; then
  "$here/cluster.sh" "$w" down
  "$top/e2e.sh" --build
  "$here/remote.sh" "$w"
  "$here/images.sh" "$w" > "$w/images.log" 2>&1 || { cat "$w/images.log"; exit 1; }
  say "images built: $(since "$t") s"
  [ -n "${KEEP:-}" ] || trap '"$here/cluster.sh" "$w" down' EXIT
  "$here/up.sh" "$w"
fi
failed=0 table=
for name in "${scenarios[@]}"; do
  facts=$w/results/$name.facts began=$SECONDS code=0
  : > "$facts"
  (set -e; "$name") > "$w/results/$name.log" 2>&1 & wait $! || code=$?
  k delete namespace "${name/examples/sites}" --wait=false >/dev/null 2>&1 || true
  case $code in 0) result=PASS ;; 77) result=SKIP ;; *) result=FAIL failed=1; tail -n 30 "$w/results/$name.log" ;; esac
  row=$(printf '%-5s %-10s %4d s  %s' $result "$name" $((SECONDS - began)) "$(sed 's/; $//' "$facts")")
  echo "$row"
  table+=$row$'\n'
done
printf '\n%s' "$table"
exit $failed
