# shellcheck shell=bash
# The remote: a git server over $w/srv. Afterwards $ssh_base, $git_base and $https_base are the beginnings of URLs as the
# git-sync under test sees them, and $w/secret is what Kubernetes would mount at /etc/git-secret.

remote_start() {
  ssh-keygen -q -t ed25519 -N '' -C e2e -f "$w/server/host_key"
  mkdir "$w/secret"
  ssh-keygen -q -t ed25519 -N '' -C e2e -f "$w/server/user_key"
  cp "$w/server/user_key.pub" "$w/server/authorized_keys"
  cp "$w/server/user_key" "$w/secret/ssh"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=git.example \
    -addext subjectAltName=DNS:git.example -keyout "$w/server/tls.key" -out "$w/server/ca.pem" 2>/dev/null
  cat "$w/server/tls.key" "$w/server/ca.pem" > "$w/server/tls.pem"
  mkdir "$w/ca"
  cp "$w/server/ca.pem" "$w/ca/ca.pem"
  remote_listen # by containers.sh or processes.sh; prints lines for known_hosts
  known_hosts > "$w/secret/known_hosts"
  if [ "$(id -u)" = 0 ]; then
    # As the kubelet does for fsGroup: the group may read.
    chown "0:$secret_uid" "$w"/secret/*
    chmod 0440 "$w"/secret/*
  elif [ "$mode" = container ]; then
    chmod 0444 "$w"/secret/*
  fi
}
