#!/usr/bin/env bash
# names.sh WORK: keeps the names of Services in WORK/dns/hosts equal to the addresses of their ready endpoints, which is what CoreDNS
# serves for headless ones. Runs beside the node's processes until the node ends.
set -uo pipefail
w=$1
columns='{.type} {.object.metadata.namespace} {.object.metadata.labels.kubernetes\.io/service-name} {.object.endpoints[?(@.conditions.ready==true)].addresses[0]}{"\n"}'
while sleep 0.5; do # the API server ends each watch after a while
  kubectl get endpointslices -A --watch --output-watch-events -o "jsonpath=$columns"
done | while read -r type ns service addresses; do
  file=$w/dns/hosts/$ns.$service
  if [ "$type" = DELETED ]; then rm -f "$file"; else
    for ip in $addresses; do echo "$ip $service.$ns.svc.cluster.local"; done > "$file"
  fi
  kill -HUP "$(cat "$w/dns/pid")"
done
