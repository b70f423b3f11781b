package receiver

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"
)

const (
	// auto detects the provider from the headers of each delivery.
	auto = "auto"
	// generic is the row for curl and CI: the token is enough. A body may name the repository and the ref.
	generic = "generic"
)

// forge is one row: everything in which a forge differs from the others.
type forge struct {
	name string

	// event is the header that names the event; if it is "", the body names the event.
	event  string
	pushes []string // events that are pushes, or that report another default branch
	pings  []string // events that test the webhook

	// mark is a header that only this forge sends, or the beginning of one ("Authorization: Basic "); if it is "", it is the
	// header of the event. Rows are compared in order: a forge that also sends the mark of another comes before it.
	mark string

	// schemes prove the sender; one is enough. They sign the raw body. If signsJSON is set, they may sign the JSON in a form
	// instead.
	schemes   []scheme
	signsJSON bool

	// parse decodes the body.
	parse func(body []byte) (payload, error)
}

// forges is the table. The source of each row is the forge's own documentation of its webhooks.
func forges() []forge {
	push := []string{"push"}
	hub, hub256 := hexHMAC("X-Hub-Signature", "sha256="), hexHMAC("X-Hub-Signature-256", "sha256=")
	return []forge{
		{
			name: "forgejo", event: "X-Forgejo-Event", pushes: push, parse: parse[githubPush],
			schemes: []scheme{hexHMAC("X-Forgejo-Signature", ""), hub256}, signsJSON: true,
		},
		{
			name: "gitea", event: "X-Gitea-Event", pushes: push, parse: parse[githubPush],
			schemes: []scheme{hexHMAC("X-Gitea-Signature", ""), hub256}, signsJSON: true,
		},
		{
			name: "gogs", event: "X-Gogs-Event", pushes: push, parse: parse[githubPush],
			schemes: []scheme{hexHMAC("X-Gogs-Signature", "")}, signsJSON: true,
		},
		{
			name: "github", event: "X-Github-Event", pushes: []string{"push", "repository"}, pings: []string{"ping"}, parse: parse[githubPush],
			schemes: []scheme{hub256},
		},
		{
			// The header of a system hook does not name the event; the body of any hook does.
			name: "gitlab", mark: "X-Gitlab-Event", pushes: []string{"push", "tag_push"}, parse: parse[gitlabPush],
			schemes: []scheme{secretIn("X-Gitlab-Token", wholeHeader), standardWebhook()},
		},
		{
			// Both Bitbuckets have the same header for the event; only the cloud names its hook.
			name: "bitbucket-cloud", mark: "X-Hook-Uuid", event: "X-Event-Key", pushes: []string{"repo:push"}, parse: parse[bitbucketCloudPush],
			schemes: []scheme{hub},
		},
		{
			name: "bitbucket-server", event: "X-Event-Key", pushes: []string{"repo:refs_changed", "mirror:repo_synchronized"},
			pings: []string{"diagnostics:ping"}, parse: parse[bitbucketServerPush], schemes: []scheme{hub},
		},
		{
			name: "azure-devops", mark: "Authorization: Basic ", pushes: []string{"git.push"}, parse: parse[azurePush],
			schemes: []scheme{secretIn("Authorization", basicPassword)},
		},
		{
			// It names no event.
			name: generic, mark: "Authorization: Bearer ", pushes: []string{""}, parse: parse[genericPush],
			schemes: []scheme{secretIn("Authorization", bearerToken)},
		},
	}
}

// recognise returns the row of the forge that sends, out of those that a target takes; nil if there is none.
func recognise(header http.Header, targets []Target) *forge {
	taken := slices.DeleteFunc(forges(), func(f forge) bool {
		return !slices.ContainsFunc(targets, func(t Target) bool { return t.takes(f.name) })
	})
	if len(taken) == 1 {
		return &taken[0]
	}
	for i := range taken {
		name, begin, _ := strings.Cut(cmp.Or(taken[i].mark, taken[i].event), ": ")
		value := header.Get(name)
		if value != "" && len(value) >= len(begin) && strings.EqualFold(value[:len(begin)], begin) {
			return &taken[i]
		}
	}
	return nil
}

// read returns the push of a verified delivery. An error is the answer to all other deliveries.
func (f *forge) read(header http.Header, body []byte) (payload, error) {
	if f.event != "" {
		if err := f.check(header.Get(f.event)); err != nil {
			return payload{}, err
		}
	}
	body, err := unwrap(header, body)
	if err != nil || f.name == generic && len(bytes.TrimSpace(body)) == 0 {
		return payload{}, err
	}
	p, err := f.parse(body)
	if err != nil {
		return payload{}, invalid("the body is not the JSON that %s sends: %v", f.name, err)
	}
	if f.event == "" {
		err = f.check(p.event)
	}
	switch {
	case err != nil || f.name == generic:
	case len(p.repos) == 0:
		err = invalid("the push names no repository")
	case len(p.updates) == 0 && p.branch == "":
		err = invalid("the push names no ref")
	}
	return p, err
}

// check returns nil if an event is a push, and the answer to any other event.
func (f *forge) check(event string) error {
	switch {
	case slices.Contains(f.pushes, event):
		return nil
	case slices.Contains(f.pings, event):
		return errPing
	case event == "" && f.event != "":
		return ignored("the header %s is missing: if another forge sends this, name it in --receiver-provider", f.event)
	}
	return ignored("%s is %.200q, not a push", cmp.Or(f.event, "the event"), event)
}
