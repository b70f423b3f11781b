#!/bin/sh
# A forge of one repository: told of a push as git tells a post-receive hook ("old new ref" lines), it posts the event
# that the real forge would post. Signed by openssl, sent by curl, so that nothing here is known to the receiver.
#
# usage: forge.sh FORGE SECRET WEBHOOK-URL REPO-URL LOG
# LOG gets a line for each delivery: the ref, the status of the answer, the answer.
set -eu
forge=$1 secret=$2 webhook=$3 repo=$4 log=$5
zero=0000000000000000000000000000000000000000
path=$(printf %s "$repo" | sed -e 's,^[a-z]*://[^/]*/,,' -e 's,\.git$,,')
project=${path%/*} slug=${path##*/}
event=$(mktemp)
answer=$(mktemp)
trap 'rm -f "$event" "$answer"' EXIT

signature() { openssl dgst -sha256 -hmac "$secret" -r "$event" | cut -d ' ' -f 1; }

post() {
	status=$(curl --silent --show-error --noproxy '*' --max-time 60 --output "$answer" --write-out '%{http_code}' \
		--request POST --data-binary "@$event" --header 'Content-Type: application/json' "$@" "$webhook") || status="curl:$?"
	echo "$ref $status $(tr '\n' ' ' <"$answer")" >>"$log"
}

like_github() {
	cat >"$event" <<-JSON
	{"ref":"$ref","before":"$old","after":"$new","repository":{"full_name":"$path","clone_url":"$repo","ssh_url":"$repo","default_branch":"main"}}
	JSON
}

quoted_or_null() { if [ "$1" = $zero ]; then echo null; else echo "{\"type\":\"$kind\",\"name\":\"$name\",\"target\":{\"hash\":\"$1\"}}"; fi; }

while read -r old new ref; do
	case $ref in
	refs/tags/*) kind=tag name=${ref#refs/tags/} ;;
	*) kind=branch name=${ref#refs/heads/} ;;
	esac
	case $forge in
	github)
		like_github
		post --header 'X-GitHub-Event: push' --header "X-Hub-Signature-256: sha256=$(signature)"
		;;
	gitea)
		like_github
		post --header 'X-Gitea-Event: push' --header 'X-Gogs-Event: push' --header 'X-GitHub-Event: push' \
			--header "X-Gitea-Signature: $(signature)" --header "X-Gogs-Signature: $(signature)"
		;;
	forgejo)
		like_github
		post --header 'X-Forgejo-Event: push' --header 'X-Gitea-Event: push' --header 'X-Gogs-Event: push' --header 'X-GitHub-Event: push' \
			--header "X-Forgejo-Signature: $(signature)" --header "X-Gitea-Signature: $(signature)"
		;;
	gogs)
		like_github
		post --header 'X-Gogs-Event: push' --header "X-Gogs-Signature: $(signature)"
		;;
	gitlab)
		title='Push Hook' type=push
		[ $kind = branch ] || title='Tag Push Hook' type=tag_push
		cat >"$event" <<-JSON
		{"object_kind":"$type","event_name":"$type","before":"$old","after":"$new","ref":"$ref","project":{"path_with_namespace":"$path","git_ssh_url":"$repo","default_branch":"main"}}
		JSON
		post --header "X-Gitlab-Event: $title" --header "X-Gitlab-Token: $secret"
		;;
	gitlab-signing)
		cat >"$event" <<-JSON
		{"object_kind":"push","event_name":"push","before":"$old","after":"$new","ref":"$ref","project":{"path_with_namespace":"$path","git_ssh_url":"$repo","default_branch":"main"}}
		JSON
		key=$(printf %s "${secret#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
		signed=$({ printf 'msg_1.1614265330.' && cat "$event"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
		post --header 'X-Gitlab-Event: Push Hook' --header 'webhook-id: msg_1' --header 'webhook-timestamp: 1614265330' --header "webhook-signature: v1,$signed"
		;;
	bitbucket-cloud)
		cat >"$event" <<-JSON
		{"push":{"changes":[{"old":$(quoted_or_null "$old"),"new":$(quoted_or_null "$new")}]},"repository":{"full_name":"$path","links":{"html":{"href":"https://bitbucket.org/$path"}}}}
		JSON
		post --header 'X-Event-Key: repo:push' --header 'X-Hook-UUID: 1' --header "X-Hub-Signature: sha256=$(signature)"
		;;
	bitbucket-server)
		cat >"$event" <<-JSON
		{"eventKey":"repo:refs_changed","repository":{"slug":"$slug","project":{"key":"$project"},"links":{"clone":[{"href":"$repo","name":"ssh"}]}},"changes":[{"ref":{"id":"$ref","displayId":"$name"},"refId":"$ref","fromHash":"$old","toHash":"$new"}]}
		JSON
		post --header 'X-Event-Key: repo:refs_changed' --header "X-Hub-Signature: sha256=$(signature)"
		;;
	azure-devops)
		cat >"$event" <<-JSON
		{"eventType":"git.push","publisherId":"tfs","resource":{"refUpdates":[{"name":"$ref","oldObjectId":"$old","newObjectId":"$new"}],"repository":{"name":"$slug","project":{"name":"$project"},"remoteUrl":"$repo","defaultBranch":"refs/heads/main"}}}
		JSON
		post --user "azure:$secret"
		;;
	generic)
		echo "{\"repo\":\"$repo\",\"ref\":\"$ref\",\"before\":\"$old\",\"after\":\"$new\"}" >"$event"
		post --header "Authorization: Bearer $secret"
		;;
	esac
done
