# shellcheck shell=bash
# The examples' web server over a published tree.

scenario nginx "the examples' nginx serves the tree, follows the link as it changes, and no link that leads out of the tree"
s_nginx() {
  [ "$mode" = container ] || skip 'no container engine'
  command -v curl >/dev/null || skip 'curl is not installed'
  upstream web
  volume web 65533:65533
  ln -s /etc/passwd "$w/work/web/passwd"
  ln -s ../../../../etc "$w/work/web/etc"
  push web first
  gs_start web -u 65533:65533 -v "$dir:/git" -- --repo="${git_base}foo/web.git" --root=/git --link=current --period=200ms --max-failures=-1
  until_ok 20 published "$dir/current" "$head"
  "$engine" run --detach --label "$label" --name "git-sync-e2e-$run-nginx" --network "$network" --volume "$dir:/site:ro" \
    --volume "$here/examples/nginx.conf:/etc/nginx/conf.d/default.conf:ro" git-sync-e2e:server nginx -g 'daemon off;' >/dev/null
  local url
  url=http://$(gs_address nginx 8080)
  answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$url$1")" = "$2" ] || { echo "$1 is not answered with $2"; return 1; }; }
  until_ok 20 answers /folder1/foo.md 200
  answers /passwd 403 && answers /etc/passwd 403 && answers /.git 404 && answers /.git/config 404
  push web second
  serves_second() { [ "$(curl -s "$url/folder1/foo.md")" = second ]; }
  until_ok 20 serves_second
}
