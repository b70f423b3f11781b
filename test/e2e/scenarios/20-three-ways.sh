# shellcheck shell=bash
# The three ways that git-sync is run.

scenario laptop 'docker run -v, with my own UID: files that I own, lines that I can read'
s_laptop() {
  upstream laptop
  volume laptop 1234:1234
  gs_run laptop -u 1234:1234 -v "$dir:/git" --tty -- --repo="${git_base}foo/laptop.git" --link=site --one-time
  gs_log laptop
  equal "$status" 0 'the exit code'
  content "$dir/site/folder1/foo.md" 'Hello, {{name}}.'
  if [ "$(id -u)" = 0 ]; then
    equal "$(find "$dir" -mindepth 1 -printf '%u:%g\n' | sort -u)" 1234:1234 'the owner of the files'
  fi
  if [ "$mode" = container ]; then # with a terminal, text
    ! gs_log laptop | grep >/dev/null '^{' || fail 'JSON on a terminal'
  fi
}

article_args() { # the article's, but for URL and waiting time
  printf '%s\n' "-repo=${ssh_base}foo/$1.git" -branch=main -depth=1 -root=/templates -dest=from-github -ssh=true
}

scenario init-sidecar 'init container, sidecar and consumer share a volume; a push arrives'
s_init_sidecar() {
  upstream pair
  volume pair 0:65533
  [ "$(id -u)" = 0 ] && chmod 2775 "$dir" # as fsGroup does
  mapfile -t args_of < <(article_args pair)
  local mounts=(-u 65533:65533 -v "$w/secret:/etc/git-secret:ro" -v "$dir:/templates")
  gs_run init "${mounts[@]}" -- "${args_of[@]}" -max-sync-failures=6 -wait=10 -one-time=true
  gs_log init
  equal "$status" 0 "the init container's exit code"
  equal "$(consumer "$dir:/templates" cat /templates/from-github/folder1/foo.md)" 'Hello, {{name}}.' 'what the service sees'
  equal "$(readlink "$dir/from-github")" "rev-$head" 'the link'
  gs_start sidecar "${mounts[@]}" -- "${args_of[@]}" -max-sync-failures=-1 -wait=1
  push pair 'Good morning, {{name}}.'
  until_ok 20 published "$dir/from-github" "$head"
  equal "$(consumer "$dir:/templates" cat /templates/from-github/folder1/foo.md)" 'Good morning, {{name}}.' 'what the service sees'
  same_as_commit "$dir/from-github" pair "$head"
  gs_kill sidecar TERM
  gs_wait sidecar
  gs_log sidecar
  equal "$status" 0 "the sidecar's exit code"
}

scenario init-fails 'an init container that cannot fetch ends with 1, after its failures'
s_init_fails() {
  volume nothing 65533:65533
  mapfile -t args_of < <(article_args no-such-repository)
  gs_run init -u 65533:65533 -v "$w/secret:/etc/git-secret:ro" -v "$dir:/templates" -- "${args_of[@]}" -max-sync-failures=2 -wait=0.2 -one-time=true
  gs_log init
  equal "$status" 1 'the exit code'
  [ ! -e "$dir/from-github" ]
}

scenario locked-down 'UID 12345 without a name, read-only root, no capability, over ssh'
s_locked_down() {
  upstream locked
  volume locked 12345:12345
  gs_run locked -u 12345:12345 -g "$secret_uid" --locked -v "$w/secret:/etc/git-secret:ro" -v "$dir:/git" -- \
    --repo="${ssh_base}foo/locked.git" --link=site --one-time
  gs_log locked
  equal "$status" 0 'the exit code'
  equal "$(readlink "$dir/site")" ".worktrees/$head" 'the link'
}

scenario https 'over https, with an authority of our own'
s_https() {
  [ "$mode" = container ] || skip 'the https server is in a container'
  upstream secure
  volume secure 65533:65533
  gs_run trusted --locked -v "$dir:/git" -v "$w/ca:/ca:ro" -e GIT_SSL_CAINFO=/ca/ca.pem -- --repo="${https_base}foo/secure.git" --link=site --one-time
  gs_log trusted
  equal "$status" 0 'the exit code'
  content "$dir/site/folder1/foo.md" 'Hello, {{name}}.'
  gs_run untrusted -v "$dir:/git" -- --repo="${https_base}foo/secure.git" --one-time --link=other
  gs_log untrusted
  equal "$status" 1 'the exit code without the authority'
  gs_log untrusted | grep -i >/dev/null certificate
}

scenario local-and-hook 'a repository on a volume, and a hook that is a shell script'
s_local_and_hook() {
  upstream local
  volume local 65533:65533
  [ "$(id -u)" != 0 ] || chown -R 65533:65533 "$w/srv/foo/local.git" # git reads no local repository of another user
  mkdir -p "$w/hooks"
  printf '#!/bin/sh\necho "$GITSYNC_HASH" > "%s/hooked"\n' "$([ "$mode" = container ] && echo /git || echo "$dir")" > "$w/hooks/hook"
  chmod 0755 "$w/hooks/hook"
  gs_run local -u 65533:65533 -v "$dir:/git" -v "$w/hooks:/hooks:ro" -v "$w/srv/foo/local.git:/upstream:ro" -- --repo=/upstream \
    --root=/git --link=site --one-time --exechook-command="/hooks/hook"
  gs_log local
  equal "$status" 0 'the exit code'
  content "$dir/hooked" "$head"
}

scenario probes 'not ready, ready, status and metrics over HTTP'
s_probes() {
  command -v curl >/dev/null || skip 'curl is not installed'
  upstream probes
  mv "$w/srv/foo/probes.git" "$w/srv/foo/away.git"
  volume probes 65533:65533
  local port=1234 url
  [ "$mode" = container ] || port=$(free_port)
  gs_start probes -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/probes.git" --root=/git --link=site --period=200ms --max-failures=-1 \
    --backoff-max=200ms --http-bind=":$port" --http-metrics
  url=http://$(gs_address probes "$port")
  answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$url$1")" = "$2" ]; }
  until_ok 20 answers /livez 200
  answers /readyz 503 && answers / 503
  mv "$w/srv/foo/away.git" "$w/srv/foo/probes.git"
  until_ok 20 answers /readyz 200
  answers / 200 && answers /livez 200
  curl -s "$url/status" | grep >/dev/null "$head"
  curl -s "$url/metrics" | grep >/dev/null '^git_sync_count_total{status="success"} 1'
  gs_kill probes TERM
}

scenario receiver "a forge's push webhook publishes at once, a forged one does not"
s_receiver() {
  command -v curl >/dev/null || skip 'curl is not installed'
  upstream pushed
  volume pushed 65533:65533
  mkdir -p "$w/webhook"
  printf 'open sesame' > "$w/webhook/secret"
  chmod 0444 "$w/webhook/secret"
  local port=8080 url body signature
  [ "$mode" = container ] || port=$(free_port)
  gs_start pushed -u 65533:65533 -v "$dir:/git" -v "$w/webhook:/webhook:ro" -- --repo="${git_base}foo/pushed.git" --ref=main --root=/git \
    --link=site --period=1h --receiver-bind=":$port" --receiver-secret-file=/webhook/secret
  until_ok 20 published "$dir/site" "$head"
  push pushed 'Pushed.'
  url=http://$(gs_address pushed "$port")/webhook
  body="{\"ref\":\"refs/heads/main\",\"after\":\"$head\",\"repository\":{\"full_name\":\"foo/pushed\",\"clone_url\":\"${git_base}foo/pushed.git\"}}"
  deliver() {
    curl -s -o /dev/null -w '%{http_code}' -H 'X-GitHub-Event: push' -H 'Content-Type: application/json' -H "X-Hub-Signature-256: sha256=$1" -d "$body" "$url"
  }
  signature=$(printf '%s' "$body" | openssl dgst -sha256 -hmac 'open sesame' | sed 's/.* //')
  equal "$(deliver "${signature/[0-9a-f]/x}")" 403 'the answer to a forged push'
  equal "$(deliver "$signature")" 202 'the answer to a push'
  until_ok 20 published "$dir/site" "$head"
}

rewrite() { # rewrite NAME N: a thousand files change
  awk -v n="$2" -v dir="$w/work/$1" 'BEGIN { for (i = 0; i < 1000; i++) { f = dir "/file" i; printf "%064d\n", n * 10000 + i > f; close(f) } }'
  push "$1" "$2"
}

scenario killed 'kill -9 of the sidecar in mid-update, and a restart: whole throughout'
s_killed() {
  upstream killed
  rewrite killed 0
  volume killed 65533:65533
  gs_start killed -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/killed.git" --root=/git --dest=link --wait=0.1 -max-sync-failures=-1
  until_ok 60 published "$dir/link" "$head"
  local i j before inside=0
  for i in 1 2 3; do
    before=$head
    rewrite killed "$i"
    # Killed when it has begun to fetch, each time a little later.
    for ((j = 0; j < 3000; j++)); do
      [ -z "$(find "$dir" -newer "$w/work/killed/folder1/foo.md" ! -type d -print -quit 2>/dev/null)" ] || break
    done
    for ((j = 1; j < i; j++)); do sleep 0.1; done
    gs_kill killed KILL
    gs_wait killed
    equal "$status" 137 'the exit code'
    if published "$dir/link" "$head"; then
      same_as_commit "$dir/link" killed "$head"
    else
      same_as_commit "$dir/link" killed "$before"
      inside=$((inside + 1))
    fi
    gs_again killed
    until_ok 60 published "$dir/link" "$head"
    same_as_commit "$dir/link" killed "$head"
  done
  note "$inside of 3 kills came before publishing"
}
