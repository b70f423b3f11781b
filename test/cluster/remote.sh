#!/usr/bin/env bash
# remote.sh WORK: the remote that the examples name: github.com, by ssh and https, with git repositories below WORK/srv.
# Keys: WORK/server (host, users, TLS), WORK/secret (what is mounted at /etc/git-secret).
set -euo pipefail
w=$(realpath "$1")
# shellcheck source=/dev/null
. "$(dirname "$0")/lib.sh"
mkdir -p "$w"/{srv/foo,work,server,secret}
if [ ! -e "$w/server/host_key" ]; then
  ssh-keygen -q -t ed25519 -N '' -f "$w/server/host_key"
  for u in one two; do ssh-keygen -q -t ed25519 -N '' -C $u -f "$w/server/user_$u"; done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=github.com \
    -addext subjectAltName=DNS:github.com,DNS:git.example.com -keyout "$w/server/tls.key" -out "$w/server/ca.pem" 2>/dev/null
  cat "$w/server/tls.key" "$w/server/ca.pem" > "$w/server/tls.pem"
fi
cat "$w/server/user_one.pub" > "$w/server/authorized_keys"
cp "$w/server/user_one" "$w/secret/ssh"
echo "github.com $(cut -d ' ' -f 1,2 "$w/server/host_key.pub")" > "$w/secret/known_hosts"
# As the project's server, and a repository that wants a token: user and password are in WORK/server/users.
cat > "$w/server/lighttpd.conf" <<'END'
server.modules = ("mod_openssl", "mod_auth", "mod_authn_file", "mod_alias", "mod_cgi", "mod_setenv")
server.port = 443
server.username = "git"
server.document-root = "/var/empty"
ssl.engine = "enable"
ssl.pemfile = "/etc/server/tls.pem"
alias.url = ("/" => "/usr/lib/git-core/git-http-backend/")
cgi.assign = ("" => "")
setenv.set-environment = ("GIT_PROJECT_ROOT" => "/srv", "GIT_HTTP_EXPORT_ALL" => "1")
auth.backend = "plain"
auth.backend.plain.userfile = "/etc/server/users"
auth.require = ("/foo/reports.git" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
END
echo 'x-access-token:secret' > "$w/server/users"
chmod 0755 "$w" "$w/server" "$w/srv"
for r in templater-templates site docs reports; do upstream $r; done
