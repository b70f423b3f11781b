#!/usr/bin/env bash
# cluster.sh WORK up       start the node, wait until it is Ready
# cluster.sh WORK down     end it, and remove what is left (mounts and processes go with the namespaces; cgroups do not)
# cluster.sh WORK k ARG... kubectl
# cluster.sh WORK in CMD   a command beside the node's processes
# WORK/bin has kube-node (build.sh), WORK/images the images as tars; see README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
w=$(realpath "$1")
cmd=$2
shift 2

names() { ln -sf kube-node "$w/bin/$1"; }
enter() { nsenter --target "$(cat "$w/pid")" --mount --net --pid --uts --ipc -- env KUBECONFIG="$w/pki/admin.conf" PATH="$w/bin:$PATH" HOME="$w" "$@"; }

cert() { # cert NAME CN [O] [SAN]
  openssl req -new -newkey rsa:2048 -nodes -keyout "$p/$1.key" -out "$p/$1.csr" -subj "${3:+/O=$3}/CN=$2" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=clientAuth,serverAuth\n' "${4:-DNS:none}" > "$p/$1.ext"
  openssl x509 -req -in "$p/$1.csr" -CA "$p/ca.pem" -CAkey "$p/ca.key" -CAcreateserial -days 30 -extfile "$p/$1.ext" -out "$p/$1.pem" 2>/dev/null
}
config() { # config NAME
  cat > "$p/$1.conf" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $p/ca.pem}}]
users: [{name: u, user: {client-certificate: $p/$1.pem, client-key: $p/$1.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
}
pki() {
  p=$w/pki
  mkdir -p "$p"
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca -keyout "$p/ca.key" -out "$p/ca.pem" 2>/dev/null
  cert apiserver kube-apiserver '' DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1
  cert kubelet-server node-1 '' DNS:node-1,IP:10.244.0.1
  cert admin admin system:masters
  cert controllers system:kube-controller-manager
  cert scheduler system:kube-scheduler
  cert proxy system:kube-proxy
  cert node system:node:node-1 system:nodes
  # EC, so that tokens stay below the 1024 bytes that lighttpd takes as a password.
  openssl ecparam -name prime256v1 -genkey -noout -out "$p/sa.key"
  openssl ec -in "$p/sa.key" -pubout -out "$p/sa.pub" 2>/dev/null
  for c in admin controllers scheduler proxy node; do config $c; done
}

case $cmd in
  up)
    mkdir -p "$w/bin" "$w/logs" "$w/cni"
    for n in etcd kubectl kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do names $n; done
    [ -e "$w/pki/node.conf" ] || pki
    echo "gs-k8s-$$" > "$w/cgroup"
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then echo "/sys/fs/cgroup/$(cat "$w/cgroup")"
    else for h in /sys/fs/cgroup/*/; do [ -e "$h/cgroup.procs" ] && echo "$h$(cat "$w/cgroup")"; done; fi > "$w/cgroups"
    setsid unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc bash "$here/node.sh" "$w" > "$w/logs/node" 2>&1 < /dev/null &
    outer=$!
    for _ in $(seq 100); do inner=$(pgrep -P $outer | head -n 1) && [ -n "$inner" ] && break; sleep 0.05; done
    echo "$inner" > "$w/pid"
    echo "$outer" > "$w/pid.outer"
    for _ in $(seq 600); do
      [ -d "/proc/$inner" ] || { echo 'the node has ended' >&2; tail "$w/logs/node" >&2; exit 1; }
      [ "$(enter kubectl get node node-1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ] &&
        enter kubectl get serviceaccount default >/dev/null 2>&1 && exit 0
      sleep 0.3
    done
    echo 'not Ready within three minutes' >&2
    exit 1 ;;
  down)
    [ -e "$w/pid" ] || exit 0
    # The number may be another process's by now.
    if grep -aqs node.sh "/proc/$(cat "$w/pid")/cmdline"; then kill -KILL "$(cat "$w/pid")"; fi
    for _ in $(seq 100); do grep -aqs node.sh "/proc/$(cat "$w/pid.outer")/cmdline" || break; sleep 0.1; done
    while read -r c; do [ -d "$c" ] && find "$c" -depth -type d -exec rmdir {} + 2>/dev/null; done < "$w/cgroups" || true
    rm -rf "$w"/{etcd,kubelet,containerd,cni,dns} "$w/pid" "$w/pid.outer" ;;
  k) enter kubectl "$@" ;;
  in) enter "$@" ;;
esac
