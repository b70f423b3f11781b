# shellcheck shell=bash
# What was begun earlier and has had the time that it needs.

scenario article-push "a push arrives in the article's pod, by its own -wait=60"
s_article_push() {
  [ -s "$w/article.head" ] || skip 'the pod is not there'
  arrived() { [ "$(pod exec templater-service-pod-0-service readlink /templates/from-github)" = "rev-$(cat "$w/article.head")" ]; }
  until_ok 90 arrived
  equal "$(pod exec templater-service-pod-0-service cat /templates/from-github/folder1/foo.md)" 'Good evening, {{name}}.' 'what the service sees'
  equal "$(pod inspect templater-service-pod-0-git-sync-sidecar --format '{{.RestartCount}}')" 0 'how often the sidecar was restarted'
}
