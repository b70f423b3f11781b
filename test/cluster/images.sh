#!/usr/bin/env bash
# images.sh WORK: WORK/images/*.tar under the names that the examples and the article use. git-sync is git-sync-e2e:image with the
# remote's certificate added, the remote is git-sync-e2e:server (e2e.sh builds both); all other names stand for consumer/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
w=$(realpath "$1")
mkdir -p "$w/images" "$w/image"
printf 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n' > "$w/pause/Dockerfile"
docker build -q -t git-sync-cluster:pause "$w/pause"
docker build -q -t git-sync-cluster:consumer "$here/consumer"
id=$(docker create git-sync-e2e:image)
docker cp "$id:/etc/ssl/certs/ca-certificates.crt" "$w/image/ca-certificates.crt"
docker rm "$id" >/dev/null
cat "$w/server/ca.pem" >> "$w/image/ca-certificates.crt"
printf 'FROM git-sync-e2e:image\nCOPY * /etc/ssl/certs/\n' > "$w/image/Dockerfile"
if [ -n "${GIT_SYNC_BINARY:-}" ]; then # instead of the image's own
  cp "$GIT_SYNC_BINARY" "$w/image/git-sync"
  printf 'FROM git-sync-e2e:image\nCOPY ca-certificates.crt /etc/ssl/certs/\nCOPY git-sync /git-sync\n' > "$w/image/Dockerfile"
fi
docker build -q -t git-sync-cluster:git-sync "$w/image"
names=()
while read -r name; do
  case $name in *:*) ;; *) name=$name:1 ;; esac # without a tag it would always be pulled; lib.sh's example adds the same
  case $name in */git-sync:*) docker tag git-sync-cluster:git-sync "$name" ;; *) docker tag git-sync-cluster:consumer "$name" ;; esac
  names+=("$name")
done < <(cat "$top"/examples/*.yaml "$top"/examples/kustomize/*/*.yaml "$top/test/e2e/manifests/article.yaml" |
  sed -n 's/^ *-\{0,1\} *image: *\([^ ]*\)$/\1/p' | sort -u)
docker save git-sync-cluster:pause -o "$w/images/pause.tar"
docker save git-sync-e2e:server -o "$w/images/server.tar"
docker save "${names[@]}" -o "$w/images/all.tar"
docker rmi "${names[@]}" git-sync-cluster:git-sync >/dev/null
printf '%s\n' "${names[@]}"
