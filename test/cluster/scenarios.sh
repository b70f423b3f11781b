# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # shared with lib.sh and run.sh; conditions are evaluated by await
# Each function is a scenario. It ends with the first command that fails.
scenarios=(article examples job outage killed rotation subpath sizelimit memory openshift deletion many chart replicas)

# The article's last Deployment, as it stands: init container, sidecar, Secret; a push after -wait=60.
article() {
  k create namespace article --dry-run=client -o yaml | k apply -f - >/dev/null
  secret article templater-templates-ssh --from-file="$w/secret/ssh" --from-file="$w/secret/known_hosts"
  example < "$top/test/e2e/manifests/article.yaml" | k -n article apply -f - >/dev/null
  await ready 180 ready article app=templater-service
  local p head
  p=$(pod article app=templater-service)
  push templater-templates "Good evening $RANDOM"
  await 'push seen' 100 sees article "$p" service /templates/from-github "$head"
  push templater-templates "Good night $RANDOM"
  await 'the next' 100 sees article "$p" service /templates/from-github "$head"
  fact "restarts: $(restarts article "$p")"
}

# Every file of examples/ by "kubectl apply -k", in the namespace that enforces "restricted".
examples() {
  k apply -f "$top/examples/namespace.yaml" >/dev/null
  secret sites templater-ssh --from-file="$w/secret/ssh" --from-file="$w/secret/known_hosts"
  secret sites templater-two-ssh --from-file="$w/secret/ssh" --from-file="$w/secret/known_hosts"
  secret sites reports-token --from-literal=token=secret
  secret sites docs-webhook --from-literal=secret=webhook-secret
  k kustomize "$top/examples" | example | k apply -f - 2>&1 | tee "$w/applied"
  ! grep -i 'warning\|forbidden' "$w/applied"
  local d head
  for d in templater templater-two site docs composed-site; do await "$d" 180 rolled sites "$d"; done
  await 'job complete' 120 k -n sites wait --for=condition=Complete job/nightly-report --timeout=1s
  push site "<h1>$RANDOM</h1>"
  await 'site serves a push' 60 serves sites site:http '' "$(cat "$w/work/site/index.html")"
  await 'composed-site serves it' 60 serves sites composed-site:http '' "$(cat "$w/work/site/index.html")"
  push docs "<h1>$RANDOM</h1>"
  node curl -sS --fail -X POST -H 'Authorization: Bearer webhook-secret' \
    "http://$(k -n sites get service docs -o 'jsonpath={.spec.clusterIP}'):8081/webhook" || fail 'the webhook of docs'
  await 'docs serve a push' 30 serves sites docs:http '' "$(cat "$w/work/docs/index.html")"
  if k -n sites get pods -o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}' | grep -q '[1-9]'; then fact 'containers restarted'; fi
}

# examples has run it; here a native sidecar must not keep a Job from completing.
job() {
  namespace job
  sidecar once | sed -e 's|^apiVersion: v1|apiVersion: batch/v1|' -e 's|^kind: Pod|kind: Job|' \
    -e 's|trap .*wait \$!; done"|test -e /git/current/index.html"|' |
    awk '/^spec:/ {print "spec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never"; on=1; next} {print (on ? "    " : "") $0}' | k -n job apply -f - >/dev/null
  await 'complete' 120 k -n job wait --for=condition=Complete job/once --timeout=1s
}

block() { # block NS POD: the remote refuses its connections until unblock, or the end of the scenario
  blocked=$(k -n "$1" get pod "$2" -o 'jsonpath={.status.podIP}')
  node iptables -I INPUT -s "$blocked" -p tcp --dport 22 -j REJECT --reject-with tcp-reset
  trap unblock EXIT
}
unblock() {
  [ -z "$blocked" ] || node iptables -D INPUT -s "$blocked" -p tcp --dport 22 -j REJECT --reject-with tcp-reset
  blocked=
}
failing() { status "$1" "$2" | grep -q '"consecutiveFailures": *[1-9]'; }

# A remote that refuses for OUTAGE seconds: no restart, and ready all the time.
outage() {
  namespace outage
  repo=git@github.com:foo/docs.git sidecar away | k -n outage apply -f - >/dev/null
  await ready 240 is_ready outage away
  local head end unready=0
  block outage away
  push docs "during the outage $RANDOM"
  end=$((SECONDS + ${OUTAGE:-300}))
  until_ok 60 failing outage away || fail 'no failure is shown'
  while [ "$SECONDS" -lt "$end" ]; do is_ready outage away || unready=$((unready + 1)); sleep 1; done
  unblock
  await "after ${OUTAGE:-300} s: push seen" 240 sees outage away consumer /git/current "$head"
  fact "restarts: $(restarts outage away)"
  [ "$unready" = 0 ] || fail "unready $unready times"
  [ "$(restarts outage away)" = '0 0 ' ] || fail 'restarted'
}

# The sidecar is killed during an outage: it is ready again from what is on disk.
killed() {
  namespace killed
  sidecar victim | k -n killed apply -f - >/dev/null
  await ready 240 is_ready killed victim
  local id before
  before=$(k -n killed exec victim -c consumer -- readlink /git/current)
  block killed victim
  id=$(k -n killed get pod victim -o 'jsonpath={.status.initContainerStatuses[0].containerID}')
  node ctr -n k8s.io task kill -s SIGKILL "${id#containerd://}"
  await 'restarted' 60 eval '[ "$(restarts killed victim)" = "1 0 " ]'
  await 'ready again' 60 is_ready killed victim
  [ "$(k -n killed exec victim -c consumer -- readlink /git/current)" = "$before" ] || fail 'the link has changed'
}

# The key is replaced at the remote and in the Secret: no restart.
rotation() {
  namespace rotation
  sidecar rotates | k -n rotation apply -f - >/dev/null
  await ready 240 is_ready rotation rotates
  cat "$w/server/user_two.pub" > "$w/server/authorized_keys"
  push site "after the rotation $RANDOM"
  await 'refused' 60 failing rotation rotates
  secret rotation git --from-file="ssh=$w/server/user_two" --from-file="$w/secret/known_hosts"
  local status=0
  await 'push seen after the Secret changed' 150 sees rotation rotates consumer /git/current "$head" || status=1
  cat "$w/server/user_one.pub" "$w/server/user_two.pub" > "$w/server/authorized_keys"
  fact "restarts: $(restarts rotation rotates)"
  [ "$status" = 0 ]
}

# A consumer with a subPath mount sees updates with --publish=in-place.
subpath() {
  grep -q -- --publish= "$top/docs/options.md" || { fact 'skipped: this version has no --publish'; return 77; }
  namespace subpath
  args=--publish=in-place mounts='{name: git, mountPath: /site, subPath: current, readOnly: true}' sidecar sub | k -n subpath apply -f - >/dev/null
  await ready 240 is_ready subpath sub
  push site "in place $RANDOM"
  await 'push seen' 60 eval 'k -n subpath exec sub -c consumer -- cat /site/index.html | grep -qF "$(cat "$w/work/site/index.html")"'
}

# Beyond the volume's sizeLimit the pod is evicted, and says so.
sizelimit() {
  namespace sizelimit
  limit=1Mi sidecar large | k -n sizelimit apply -f - >/dev/null
  await ready 240 is_ready sizelimit large
  trap 'rm -f "$w/work/site/large"; push site small' EXIT
  head -c 3000000 /dev/urandom > "$w/work/site/large"
  push site large
  # Its containers end with 0, so the pod counts as Succeeded, although it would be restarted.
  await 'evicted' 240 eval 'k -n sizelimit get pod large -o "jsonpath={.status.phase}" | grep -E "Failed|Succeeded"'
  fact "$(k -n sizelimit get events -o 'jsonpath={.items[?(@.reason=="Evicted")].message}')"
}

# A limit of 48 MiB is enough for the examples' repository.
memory() {
  namespace memory
  memory=48Mi sidecar tight | k -n memory apply -f - >/dev/null
  await ready 240 is_ready memory tight
  push site "in little memory $RANDOM"
  await 'push seen' 60 sees memory tight consumer /git/current "$head"
  fact "restarts: $(restarts memory tight)"
  [ "$(restarts memory tight)" = '0 0 ' ]
}

# A random UID, GID 0 and a supplementary group, as OpenShift gives them.
openshift() {
  namespace openshift
  uid=1000680000 gid=0 fsgroup=1000680000 sidecar shift | k -n openshift apply -f - >/dev/null
  await ready 240 is_ready openshift shift
  push site "by another UID $RANDOM"
  await 'push seen' 60 sees openshift shift consumer /git/current "$head"
}

deletion() {
  namespace deletion
  sidecar short | k -n deletion apply -f - >/dev/null
  await ready 240 is_ready deletion short
  local t
  t=$(now)
  k -n deletion delete pod short --timeout=60s >/dev/null
  fact "deleted in $(since "$t") s"
  awk -v s="$(since "$t")" 'BEGIN{exit !(s < 5)}' || fail 'longer than 5 s'
}

# Many repositories in one sidecar; an edit of the ConfigMap adds one.
many() {
  namespace many
  local list='{"defaults":{"period":"2s","link":"current","ref":"main"},"syncs":[{"name":"site","repo":"git@github.com:foo/site.git"}%s]}'
  # shellcheck disable=SC2059 # the format is ours
  syncs() { k -n many create configmap syncs --from-literal=syncs.yaml="$(printf "$list" "$1")" --dry-run=client -o yaml | k apply -f - >/dev/null; }
  syncs ''
  more='{name: syncs, mountPath: /etc/git-sync}' volumes='    - {name: syncs, configMap: {name: syncs}}' sidecar all |
    sed 's|args: \[.*\]|args: [--config=/etc/git-sync/syncs.yaml, --root=/git, --http-bind=:1234]|' | k -n many apply -f - >/dev/null
  await ready 240 is_ready many all
  syncs ',{"name":"docs","repo":"git@github.com:foo/docs.git"}'
  await 'added after the edit' 150 sees many all consumer /git/docs/current "$(git -C "$w/work/docs" rev-parse HEAD)"
  fact "restarts: $(restarts many all)"
}

# The chart by Helm: installed, upgraded to two replicas with a webhook, rolled back and removed; and a chart of one's own that includes its templates.
chart() {
  namespace chart
  secret chart hook --from-literal=secret=webhook-secret
  printf 'options: {repo: "git@github.com:foo/site.git", period: 2s}\nsshSecret: git\nserver: {replicas: 1}\n' > "$w/values.yaml"
  helm chart lint "$chart" -f "$w/values.yaml"
  ! helm chart template site "$chart" -f "$w/values.yaml" --set server.replicas=many > "$w/refused" 2>&1 || fail 'server.replicas=many is accepted'
  grep -q server.replicas "$w/refused" || grep -q /server/replicas "$w/refused" || fail "no word of server.replicas: $(cat "$w/refused")"
  does 'helm install --wait' helm chart install site "$chart" -f "$w/values.yaml" --wait --timeout 180s
  push site "<h1>chart $RANDOM</h1>"
  await 'push served' 60 serves chart site:http '' "$(cat "$w/work/site/index.html")"
  does 'helm upgrade --wait' helm chart upgrade site "$chart" -f "$w/values.yaml" --set webhookSecret=hook,server.replicas=2 --wait --timeout 180s
  [ "$(k -n chart get deployment site -o 'jsonpath={.status.readyReplicas}')" = 2 ] || fail 'not two replicas'
  await 'still served' 10 serves chart site:http '' "$(cat "$w/work/site/index.html")"
  does 'helm rollback --wait' helm chart rollback site 1 --wait --timeout 180s
  [ "$(k -n chart get deployment site -o 'jsonpath={.spec.replicas}')" = 1 ] || fail 'not one replica after the rollback'
  own_chart
  does 'helm uninstall --wait' helm chart uninstall site --wait --timeout 60s
  ! k -n chart get deployments,services,configmaps,poddisruptionbudgets -o name | grep -v kube-root-ca || fail 'something is left'
}
does() { # does WHAT COMMAND...
  local t; t=$(now)
  "${@:2}" || { fail "$1"; return 1; }
  fact "$1 $(since "$t") s"
}

# A Deployment of another chart, to which the three lines of examples/README.md add git-sync.
own_chart() {
  local c=$w/own
  rm -rf "$c" && mkdir -p "$c/templates"
  cat > "$c/Chart.yaml" <<YAML
apiVersion: v2
name: own
version: 0.1.0
dependencies: [{name: git-sync, version: ">=0.0.0", repository: "file://$chart"}]
YAML
  cat > "$c/values.yaml" <<'YAML'
git-sync: {server: {enabled: false}, options: {repo: "git@github.com:foo/site.git", period: 2s}, sshSecret: git}
YAML
  cat > "$c/templates/deployment.yaml" <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: own}
spec:
  selector: {matchLabels: {app: own}}
  template:
    metadata: {labels: {app: own}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 65533, runAsGroup: 65533, fsGroup: 65533, seccompProfile: {type: RuntimeDefault}}
      initContainers: {{- include "git-sync.sidecar" (index .Values "git-sync") | nindent 8 }}
      containers:
        - name: app
          image: python:3-slim
          command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: {{- include "git-sync.mount" (index .Values "git-sync") | nindent 12 }}
      volumes: {{- include "git-sync.volumes" (index .Values "git-sync") | nindent 8 }}
YAML
  helm chart dependency build "$c"
  does 'own chart' helm chart install own "$c" --wait --timeout 180s
  sees chart "$(pod chart app=own)" app /content/current "$head" || fail 'own chart: the consumer sees another revision'
  helm chart uninstall own --wait --timeout 60s
}

# One delivery to the Service of the chart: when each of N replicas has published it.
replicas() {
  namespace replicas
  secret replicas hook --from-literal=secret=webhook-secret
  local n
  for n in ${REPLICAS:-1 3 10}; do
    helm replicas upgrade --install site "$chart" --wait --timeout 300s -f - <<< \
      "{options: {repo: 'git@github.com:foo/site.git', period: 1h}, sshSecret: git, webhookSecret: hook, server: {replicas: $n}}"
    until_ok 60 not_terminating replicas
    sleep 3 # the names of the peers
    delivery "$n"
    idle "$n"
  done
  helm replicas uninstall site --wait --timeout 60s
}
not_terminating() { ! k -n "$1" get pods -o 'jsonpath={.items[*].metadata.deletionTimestamp}' | grep -q .; }
delivery() { # delivery N: posts once, and says how long each replica took to publish
  local ip t pods p took=()
  push site "<h1>replicas $RANDOM</h1>"
  ip=$(k -n replicas get service site -o 'jsonpath={.spec.clusterIP}')
  pods=$(k -n replicas get pods -l app.kubernetes.io/name=git-sync --field-selector=status.phase=Running -o 'jsonpath={.items[*].metadata.name}')
  t=$(now)
  node curl -sS --fail -X POST -H 'Authorization: Bearer webhook-secret' "http://$ip:8081/webhook"
  say "answered in $(since "$t") s"
  for p in $pods; do
    until_ok 240 published replicas "$p" "$head" || { fail "$p has not published"; return 1; }
    took+=("$(awk -v t="$t" -v at="$(k -n replicas exec "$p" -c nginx -- stat -c %.9Y /content/current)" 'BEGIN{printf "%.2f", at-t}')")
  done
  fact "$1 replicas: $(printf '%s\n' "${took[@]}" | sort -n | awk '{a[NR]=$1} END {printf "%d published, median %.2f s, worst %.2f s", NR, a[int((NR+1)/2)], a[NR]}')"
  [ "${#took[@]}" = "$1" ] || fail "${#took[@]} of $1"
}
idle() { # idle N: CPU of each git-sync that has nothing to do, in a minute
  used > "$w/cpu.before"
  sleep 60
  used > "$w/cpu.after"
  fact "$1 idle: $(join "$w/cpu.before" "$w/cpu.after" | awk '$5>$3 {print 1e6*($4-$2)/($5-$3)}' | sort -n |
    awk '{a[NR]=$1} END {printf "median %.2f, worst %.2f ms of CPU a second", a[int((NR+1)/2)], a[NR]}')"
}
used() { # POD SECONDS MILLISECONDS (when that was measured)
  k get --raw /api/v1/nodes/node-1/proxy/metrics/resource |
    sed -n 's/^container_cpu_usage_seconds_total{container="git-sync",namespace="replicas",pod="\([^"]*\)"} /\1 /p' | sort
}
