#!/usr/bin/env bash
# up.sh WORK: the node, then the remote on it, under the names of the examples.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
w=$(realpath "$1")
# shellcheck source=/dev/null
. "$here/lib.sh"
mkdir -p "$w/dns/hosts"
echo '10.244.0.1 github.com git.example.com' > "$w/dns/hosts/remote"
t=$(now)
"$here/cluster.sh" "$w" up
say "node Ready: $(since "$t") s"
sed "s|@W@|$w|" "$here/remote.yaml" | k apply -f - >/dev/null
k -n remote wait --for=condition=Ready pod/remote --timeout=180s >/dev/null
say "remote Ready: $(since "$t") s"
