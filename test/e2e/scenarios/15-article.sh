# shellcheck shell=bash
# The article's pod takes a minute between two syncs: it is started before the other scenarios and looked at again after them
# (90-later.sh).

scenario article "the article's final manifest under podman kube play"
s_article() {
  podman_usable
  upstream templater-templates
  # The article's branch.
  git -C "$w/work/templater-templates" push --quiet origin HEAD:refs/heads/master
  echo 'CMD ["sleep", "infinity"]' | sed '1i FROM git-sync-e2e:debian' | podman_service
  podman_start git-sync-e2e:image=k8s.gcr.io/git-sync:v3.1.6 git-sync-e2e:service=docker.io/betterdoc/templater-service:latest
  # The key. Podman 4.3 mounts nothing of a Secret's stringData, and its data without decoding it; so it is given to podman
  # as that keeps it.
  {
    printf 'data:\n  ssh: |\n'
    sed 's/^/    /' "$w/secret/ssh"
    printf '  known_hosts: |\n'
    sed 's/^/    /' "$w/secret/known_hosts"
  } | pod secret create templater-templates-ssh - >/dev/null
  {
    # Nothing is changed but the URL, and what podman 4.3 cannot do: it panics on a secret volume without `optional`, and
    # restarts an init container that has succeeded unless it is told to restart on failure only.
    sed -e "s|git@github.com:foo/templater-templates.git|ssh://git@$gateway:$ssh_port/srv/foo/templater-templates.git|" \
      -e 's|^\( *\)secretName: templater-templates-ssh|&\n\1optional: false|' -e 's|^      volumes:|      restartPolicy: OnFailure\n&|' "$here/test/e2e/manifests/article.yaml"
  } > "$w/article.yaml"
  pod kube play --network "git-sync-e2e-$run" "$w/article.yaml" || {
    pod ps --all
    for id in $(pod ps --all --quiet); do pod logs "$id" 2>&1 | tail -n 20; done
    fail 'the pod does not start'
  }
  equal "$(pod exec templater-service-pod-0-service cat /templates/from-github/folder1/foo.md)" 'Hello, {{name}}.' 'what the service sees'
  equal "$(pod exec templater-service-pod-0-service readlink /templates/from-github)" "rev-$head" 'the link'
  echo 'Good evening, {{name}}.' > "$w/work/templater-templates/folder1/foo.md"
  git -C "$w/work/templater-templates" commit --quiet --all --message evening
  git -C "$w/work/templater-templates" push --quiet origin HEAD:refs/heads/master
  git -C "$w/work/templater-templates" rev-parse HEAD > "$w/article.head"
}

podman_service() { # makes the service's image of the Dockerfile on standard input
  "$engine" build --quiet --label git-sync.stage=service --tag git-sync-e2e:service - >/dev/null 2>&1
}
