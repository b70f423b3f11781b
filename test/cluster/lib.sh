# shellcheck shell=bash disable=SC2154,SC2034 # shared with the scenarios
# What the scenarios use. Sourced; $w is the work directory.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$here/../..
k() { "$here/cluster.sh" "$w" k "$@"; }
node() { "$here/cluster.sh" "$w" in "$@"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN{printf "%.1f", b-a}'; }
say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fact() { say "$*"; [ -z "${facts:-}" ] || printf '%s; ' "$*" >> "$facts"; } # shown in the table
fail() { say "FAIL  $*"; [ -z "${facts:-}" ] || printf 'FAILED: %s; ' "$*" >> "$facts"; return 1; }
until_ok() { # until_ok SECONDS COMMAND...; false when it never succeeded
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ "$SECONDS" -lt "$end" ] || return 1; sleep 0.5; done
}
await() { # await WHAT SECONDS COMMAND...
  local what=$1 limit=$2 t; shift 2; t=$(now)
  if until_ok "$limit" "$@"; then fact "$what $(since "$t") s"; else fail "$what: not within $limit s"; fi
}
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.com
upstream() { # upstream NAME: srv/foo/NAME.git with the article's templates, on main and master
  local b=$w/srv/foo/$1.git c=$w/work/$1
  rm -rf "$b" "$c"
  git init -q --bare --initial-branch=main "$b"
  git -C "$b" config uploadpack.allowFilter true
  git clone -q "$b" "$c" 2>/dev/null
  git -C "$c" checkout -q -B main
  mkdir -p "$c/folder1" "$c/folder2/folder2b"
  echo 'Goodbye, {{name}}.' > "$c/folder2/folder2b/bar.md"
  echo '<h1>index</h1>' > "$c/index.html"
  echo 'site_name: docs' > "$c/mkdocs.yml"
  echo 'print("report of", open("folder1/foo.md").read())' > "$c/report.py"
  push "$1" 'Hello, {{name}}.'
  git -C "$c" tag -f v1.4.0 >/dev/null && git -C "$c" push -q -f origin v1.4.0
}
push() { # push NAME TEXT: sets $head
  local c=$w/work/$1
  printf '%s\n' "$2" > "$c/folder1/foo.md"
  printf '%s\n' "$2" > "$c/index.html"
  git -C "$c" add -A && git -C "$c" commit -q --allow-empty -m "$2" && git -C "$c" push -q origin HEAD:main HEAD:master
  head=$(git -C "$c" rev-parse HEAD)
}
sees() { # sees NS POD CONTAINER LINK HEAD
  [[ $(k -n "$1" exec "$2" -c "$3" -- readlink "$4") == *"$5"* ]]
}
pod() { k -n "$1" get pods -l "$2" --field-selector=status.phase!=Failed --sort-by=.metadata.creationTimestamp -o 'jsonpath={.items[-1:].metadata.name}'; }
ready() { k -n "$1" wait --for=condition=Ready pod -l "$2" --timeout=1s; }
rolled() { k -n "$1" rollout status "deployment/$2" --timeout=1s; }
restarts() { k -n "$1" get pod "$2" -o 'jsonpath={range .status.initContainerStatuses[*]}{.restartCount} {end}{range .status.containerStatuses[*]}{.restartCount} {end}'; }
is_ready() { [ "$(k -n "$1" get pod "$2" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]; }
status() { k get --raw "/api/v1/namespaces/$1/pods/$2:1234/proxy/status"; } # of git-sync in a pod
# Times are compared as they are written: status has RFC 3339.
published() { status "$1" "$2" | grep -q "$3"; }
page() { k get --raw "/api/v1/namespaces/$1/services/$2/proxy/${3:-}"; }
serves() { page "$1" "$2" "$3" | grep -q "$4"; }
namespace() { # namespace NAME: with pod security "restricted" enforced, and a Secret git with the key
  k create namespace "$1" --dry-run=client -o yaml | k apply -f - >/dev/null
  k label --overwrite namespace "$1" pod-security.kubernetes.io/enforce=restricted >/dev/null
  secret "$1" git --from-file="$w/secret/ssh" --from-file="$w/secret/known_hosts"
}
secret() { # secret NS NAME ARG...
  k -n "$1" create secret generic "$2" "${@:3}" --dry-run=client -o yaml | k apply -f - >/dev/null
}
# The examples as they stand, but for tags of images that would always be pulled, and without Secrets, which have placeholders.
example() { sed -e 's|betterdoc/templater-service$|betterdoc/templater-service:1|' -e 's|image: git-sync$|image: git-sync:1|' |
  awk 'BEGIN{RS="\n---\n"} !/(^|\n)kind: Secret(\n|$)/ {printf "---\n%s\n", $0}'; }
chart=$(realpath "$top/examples/helm/git-sync")
helm() { node helm -n "$1" "${@:2}"; } # helm NAMESPACE ARG...
# sidecar NAME: a pod of git-sync as a native sidecar and a consumer, label app=NAME, link /git/current, from the environment:
# repo, period, args (YAML list items), uid, pod (more of the pod's spec), mounts (of the consumer), limit (the volume's), volumes.
sidecar() {
  cat <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: $1
  labels: {app: $1}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: ${grace:-30}
  securityContext: {runAsNonRoot: true, runAsUser: ${uid:-65533}, runAsGroup: ${gid:-65533}, fsGroup: ${fsgroup:-65533}, seccompProfile: {type: RuntimeDefault}}
  initContainers:
    - name: git-sync
      image: registry.example.com/git-sync:v1.0.0
      restartPolicy: Always
      args: [--repo=${repo:-git@github.com:foo/site.git}, --ref=main, --root=/git, --link=current, --period=${period:-2s}, --max-failures=-1, --http-bind=:1234${args:+, $args}]
      startupProbe: {httpGet: {path: /readyz, port: 1234}, periodSeconds: 1, failureThreshold: 600}
      readinessProbe: {httpGet: {path: /readyz, port: 1234}, periodSeconds: 2}
      livenessProbe: {httpGet: {path: /livez, port: 1234}, periodSeconds: 2}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      resources: {limits: {memory: ${memory:-256Mi}}}
      volumeMounts: [{name: git, mountPath: /git}, {name: key, mountPath: /etc/git-secret, readOnly: true}${more:+, $more}]
  containers:
    - name: consumer
      image: python:3-slim
      command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1 & wait \$!; done"]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumeMounts: [${mounts:-{name: git, mountPath: /git, readOnly: true\}}]
  volumes:
    - {name: git, emptyDir: {sizeLimit: ${limit:-1Gi}}}
    - {name: key, secret: {secretName: git, defaultMode: 0440}}
${volumes:-}
YAML
}
