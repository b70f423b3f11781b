# shellcheck shell=bash
# Pods: `podman kube play`, with storage, networks and configuration of its own below $w, so that nothing of the machine's
# podman is touched. The images come from the engine that built them.

pod() { # pod ARG...: podman, ours
  CONTAINERS_CONF=$w/podman/containers.conf podman --root "$w/podman/root" --runroot "$w/podman/run" --tmpdir "$w/podman/tmp" \
    --storage-driver "${E2E_PODMAN_DRIVER:-overlay}" "$@"
}

podman_usable() { # or the scenario is skipped
  [ "$mode" = container ] || skip 'no container engine'
  local tool
  for tool in podman runc catatonit; do
    command -v "$tool" >/dev/null || [ -x "/usr/libexec/podman/$tool" ] ||
      skip "$tool is not installed (Debian: apt-get install podman runc catatonit)"
  done
  [ "$(id -u)" = 0 ] || skip 'podman is run as root here'
}

podman_start() { # podman_start IMAGE=NAME...: images of the engine's, under the names that manifests use
  mkdir -p "$w/podman/nets"
  # Limits that this machine lets us set, and no daemon of the machine's.
  local processes
  processes=$(ulimit -Hu)
  [ "$processes" != unlimited ] && [ "$processes" -lt 20000 ] || processes=20000
  cat > "$w/podman/containers.conf" <<-END
	[containers]
	default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=$processes:$processes"]
	log_driver = "k8s-file"
	[engine]
	cgroup_manager = "cgroupfs"
	events_logger = "file"
	[network]
	network_config_dir = "$w/podman/nets"
	END
  local pair
  for pair in "$@"; do
    "$engine" save "${pair%%=*}" | pod load --quiet
    pod tag "localhost/${pair%%=*}" "${pair#*=}" 2>/dev/null || pod tag "${pair%%=*}" "${pair#*=}"
  done
  pod network create "git-sync-e2e-$run" >/dev/null
}

podman_stop() {
  [ -d "$w/podman" ] || return 0
  pod pod rm --all --force --time 1 >/dev/null 2>&1
  pod rm --all --force --time 1 >/dev/null 2>&1
  pod volume rm --all --force >/dev/null 2>&1
  pod secret ls --quiet 2>/dev/null | while read -r id; do pod secret rm "$id" >/dev/null 2>&1; done
  pod network rm --force "git-sync-e2e-$run" >/dev/null 2>&1
  pod system reset --force >/dev/null 2>&1
}
