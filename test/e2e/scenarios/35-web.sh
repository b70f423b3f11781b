# shellcheck shell=bash
# Consumers in containers: web servers over what is published, by bind mounts and volumes.

answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$url$1")" = "$2" ] || { echo "$1 is not answered with $2"; return 1; }; }
serves() { [ "$(curl -s "$url/folder1/foo.md")" = "$1" ]; }

nginx_over() { # nginx_over DIR:PATH: the examples' nginx, which serves /site/current; sets $url
  "$engine" run --detach --label "$label" --name "git-sync-e2e-$run-nginx" --network "$network" --volume "$1:ro" \
    --volume "$here/examples/nginx.conf:/etc/nginx/conf.d/default.conf:ro" git-sync-e2e:server nginx -g 'daemon off;' >/dev/null
  url=http://$(gs_address nginx 8080)
}

can_serve() {
  [ "$mode" = container ] || skip 'no container engine'
  command -v curl >/dev/null || skip 'curl is not installed'
}

scenario nginx "the examples' nginx serves the tree, follows the link as it changes, and no link that leads out of the tree"
s_nginx() {
  can_serve
  upstream web
  volume web 65533:65533
  ln -s /etc/passwd "$w/work/web/passwd"
  ln -s ../../../../etc "$w/work/web/etc"
  push web first
  gs_start web -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/web.git" --root=/git --link=current --period=200ms --max-failures=-1
  until_ok 20 published "$dir/current" "$head"
  nginx_over "$dir:/site"
  until_ok 20 answers /folder1/foo.md 200
  answers /passwd 403 && answers /etc/passwd 403 && answers /.git 404 && answers /.git/config 404
  push web second
  until_ok 20 serves second
}

scenario directory "--publish=directory: nginx over a bind mount of the directory above the published one"
s_directory() {
  can_serve
  upstream above
  volume above 65533:65533
  gs_start above -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/above.git" --root=/git --link=current --publish=directory --period=200ms \
    --max-failures=-1
  until_ok 20 test -e "$dir/current/folder1/foo.md"
  nginx_over "$dir:/site"
  until_ok 20 serves 'Hello, {{name}}.'
  push above second
  until_ok 20 serves second
  equal "$(find "$dir/current" -maxdepth 0 -printf '%y')" d 'what is published'
}

scenario in-place "--publish=in-place: nginx over a bind mount of the published directory itself"
s_in_place() {
  can_serve
  upstream place
  volume place-site 65533:65533
  local site=$dir
  volume place-root 65533:65533
  gs_start place -u 65533:65533 -v "$dir:/git" -v "$site:/site" -- --repo="${git_base}foo/place.git" --root=/git --link=/site --publish=in-place \
    --period=200ms --max-failures=-1
  until_ok 20 test -e "$site/folder1/foo.md"
  nginx_over "$site:/site/current"
  until_ok 20 serves 'Hello, {{name}}.'
  push place second
  until_ok 20 serves second
}

compose() { "${compose[@]}" --project-name "git-sync-e2e-$run" --file "$w/compose/compose.yaml" "$@"; }

compose_up() { # compose_up NAME [SED EXPRESSION...]: the compose file on standard input, with our images, network and repository
  can_serve
  compose=(docker compose)
  "${compose[@]}" version >/dev/null 2>&1 || compose=(docker-compose)
  if [ "$engine" != docker ] || ! command -v "${compose[0]}" >/dev/null; then skip 'compose is not installed (Debian: apt-get install docker-compose)'; fi
  mkdir -p "$w/compose"
  cp "$here/examples/nginx.conf" "$w/compose/nginx.conf"
  {
    sed -e 's|image: git-sync$|image: git-sync-e2e:image|' -e "s|https://github.com/foo/site.git|git://${remote_address%:}/foo/$1.git|" "${@:2}"
    printf 'networks:\n  default:\n    external: true\n    name: %s\n' "$network"
  } > "$w/compose/compose.yaml"
  cat "$w/compose/compose.yaml"
  trap 'compose logs; compose down --volumes' EXIT
  compose up --detach
}

composed() { # composed FILE NAME: an example of compose serves a repository and follows a push
  upstream "$2"
  compose_up "$2" -e "s|image: nginxinc.*|image: git-sync-e2e:server\n    command: [nginx, -g, 'daemon off;']|" \
    -e 's|127.0.0.1:8080:8080|127.0.0.1::8080|' -e 's|interval: 5s|interval: 1s|' -e 's|--period=10s|--period=1s|' < "$here/examples/$1"
  url=http://$(compose port web 8080)
  until_ok 60 serves 'Hello, {{name}}.'
  push "$2" second
  until_ok 60 serves second
}

scenario compose "the examples' compose.yaml: nginx starts when a revision is published, and follows a push"
s_compose() { composed compose.yaml composed; }

scenario compose-in-place "the examples' compose-in-place.yaml: a bind mount of the published directory follows a push"
s_compose_in_place() {
  mkdir -p "$w/compose/site"
  chown 1000:1000 "$w/compose/site" 2>/dev/null || chmod 0777 "$w/compose/site"
  composed compose-in-place.yaml bound
}
