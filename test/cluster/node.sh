#!/usr/bin/env bash
# node.sh WORK: a Kubernetes of one node, in the foreground, until it is killed. Called by cluster.sh inside namespaces of its own
# (mounts, network, processes, names): every port, address, mount and process of it is gone with this one process.
# Everything kept lies below WORK; /var and /run are empty tmpfs here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
w=$1
cd "$w"
node=node-1 subnet=10.244.0 gw=10.244.0.1
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var
mkdir -p /var/{lib,log,tmp,cache} /var/lib/{kubelet,cni} /run/netns "$w"/{kubelet,logs,etcd,containerd}
ln -s /run /var/run
mount --bind "$w/kubelet" /var/lib/kubelet
mount --make-rshared /
# The network: a loopback, and the bridge that the pods hang on. No way out.
ip link set lo up
ip link add cni0 type bridge
ip addr add $gw/24 dev cni0
ip link set cni0 up
sysctl -qw net.ipv4.ip_forward=1
# Nothing leads out, so the Services' addresses need a route for kube-proxy's rules to be met at all.
ip route add 10.96.0.0/16 dev cni0
hostname $node
# cgroup v1 or v2: one of our own in each hierarchy.
while read -r c; do
  mkdir -p "$c"
  [ -e "$c/cpuset.cpus" ] && cat "${c%/*}/cpuset.cpus" > "$c/cpuset.cpus" && cat "${c%/*}/cpuset.mems" > "$c/cpuset.mems"
done < "$w/cgroups"
# Names: whatever the files in dns/hosts say, from one server for node and pods alike.
mkdir -p "$w/dns/hosts"
echo "nameserver $gw" > "$w/dns/resolv.conf"
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --listen-address=$gw --bind-interfaces --port=53 \
  --local=/cluster.local/ --hostsdir="$w/dns/hosts" --user=root --group=root --pid-file= --log-facility=- > "$w/logs/dnsmasq" 2>&1 &
echo $! > "$w/dns/pid"

cat > "$w/cni/10-bridge.conflist" <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-ips", "ranges": [[{"subnet": "$subnet.0/24", "rangeStart": "$subnet.10"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
cat > "$w/containerd.toml" <<END
version = 2
root = "$w/containerd/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/git-sync-cluster:pause"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE a score below our own cannot be given, and runc fails with "can't get final child's PID".
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$w/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${SNAPSHOTTER:-overlayfs}"
END
containerd --config "$w/containerd.toml" > "$w/logs/containerd" 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for image in "$w"/images/*.tar; do ctr -n k8s.io images import --no-unpack "$image" >> "$w/logs/import" 2>&1 || ctr -n k8s.io images import "$image" >> "$w/logs/import" 2>&1; done

p=$w/pki
bin=$w/bin
"$bin/etcd" --data-dir="$w/etcd" --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
  --listen-peer-urls=http://127.0.0.1:2380 --unsafe-no-fsync > "$w/logs/etcd" 2>&1 &
"$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --bind-address=127.0.0.1 --advertise-address=$gw --endpoint-reconciler-type=none \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged --anonymous-auth=false \
  --kubelet-preferred-address-types=InternalIP --client-ca-file="$p/ca.pem" --tls-cert-file="$p/apiserver.pem" --tls-private-key-file="$p/apiserver.key" \
  --kubelet-client-certificate="$p/admin.pem" --kubelet-client-key="$p/admin.key" --kubelet-certificate-authority="$p/ca.pem" \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$p/sa.pub" --service-account-signing-key-file="$p/sa.key" \
  --service-cluster-ip-range=10.96.0.0/16 --profiling=false > "$w/logs/apiserver" 2>&1 &
export KUBECONFIG=$p/admin.conf
until "$bin/kubectl" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
PATH=$bin:$PATH "$here/names.sh" "$w" > "$w/logs/names" 2>&1 &
"$bin/kube-controller-manager" --kubeconfig="$p/controllers.conf" --service-account-private-key-file="$p/sa.key" --root-ca-file="$p/ca.pem" \
  --use-service-account-credentials --flex-volume-plugin-dir=/var/lib/kubelet/plugins --bind-address=127.0.0.1 --leader-elect=false > "$w/logs/controllers" 2>&1 &
"$bin/kube-scheduler" --kubeconfig="$p/scheduler.conf" --bind-address=127.0.0.1 --leader-elect=false > "$w/logs/scheduler" 2>&1 &
cat > "$w/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $gw
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(cat "$w/cgroup")
failCgroupV1: false
failSwapOn: false
resolvConf: $w/dns/resolv.conf
clusterDNS: [$gw]
clusterDomain: cluster.local
tlsCertFile: $p/kubelet-server.pem
tlsPrivateKeyFile: $p/kubelet-server.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $p/ca.pem}}
authorization: {mode: AlwaysAllow}
healthzBindAddress: 127.0.0.1
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 1Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
enforceNodeAllocatable: []
syncFrequency: 10s
volumePluginDir: /var/lib/kubelet/plugins
END
"$bin/kubelet" --config="$w/kubelet.yaml" --kubeconfig="$p/node.conf" --hostname-override=$node --node-ip=$gw \
  --root-dir=/var/lib/kubelet > "$w/logs/kubelet" 2>&1 &
if [ -z "${NO_PROXY_PROGRAM:-}" ]; then
  "$bin/kube-proxy" --kubeconfig="$p/proxy.conf" --hostname-override=$node --proxy-mode=iptables --bind-address=$gw \
    --metrics-bind-address=127.0.0.1:10249 --healthz-bind-address=127.0.0.1:10256 --conntrack-max-per-core=0 \
    --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 > "$w/logs/proxy" 2>&1 &
fi
wait
