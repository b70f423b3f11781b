package receiver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// payload is what the receiver uses of a body.
type payload struct {
	event   string   // "" if the body does not name it
	id      string   // of the repository; does not change when it is renamed; "" if the body does not have it
	repos   []string // URLs and full names of the repository
	branch  string   // the default branch; "" if the body does not name it
	updates []update
	more    bool // there may be more updates
}

// update is one updated ref.
type update struct{ ref, before, after string }

// deleted reports whether the ref was deleted: there is no commit after the push, or the zero hash.
func (u update) deleted() bool {
	return u.before != "" && u.after == "" || u.after != "" && strings.Trim(u.after, "0") == ""
}

// parse decodes the JSON of one kind of body. Fields that the type does not have are not kept.
func parse[T interface{ payload() payload }](body []byte) (payload, error) {
	var push T
	if err := json.Unmarshal(body, &push); err != nil {
		return payload{}, err
	}
	p := push.payload()
	p.repos = slices.DeleteFunc(p.repos, func(repo string) bool { return repo == "" })
	if p.id != "" && len(p.repos) > 0 {
		p.id += " " + placeOf(p.repos[len(p.repos)-1]).host // other forges may use the same numbers
	}
	if len(p.id)+len(p.branch) > maxKept {
		p.id, p.branch = "", ""
	}
	p.more = len(p.updates) == maxUpdates
	p.updates = slices.DeleteFunc(p.updates, func(u update) bool { return u.ref == "" })
	return p, nil
}

// unwrap returns the JSON from a form. Some forges can be configured to send forms.
func unwrap(header http.Header, body []byte) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")) // a value that does not parse is not a form
	value, isForm := bytes.CutPrefix(body, []byte("payload="))
	if kind != "application/x-www-form-urlencoded" || !isForm {
		return body, nil // curl sends the content type of a form by default
	}
	value, _, _ = bytes.Cut(value, []byte("&"))
	decoded, err := url.QueryUnescape(string(value))
	if err != nil {
		return nil, invalid("the body is not a form")
	}
	return []byte(decoded), nil
}

// maxKept limits the length of an ID and a branch that the handler remembers.
const maxKept = 1000

// maxUpdates limits how many updates of a body are kept.
const maxUpdates = 1000

// updates decodes a JSON array of T. It stops after maxUpdates elements, because short elements take many times more
// memory than their JSON.
type updates[T interface{ update() update }] []update

// UnmarshalJSON implements json.Unmarshaler.
func (l *updates[T]) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, _ := dec.Token(); open != json.Delim('[') {
		return json.Unmarshal(data, &[]T{}) // null, or the error of a wrong type
	}
	for dec.More() && len(*l) < maxUpdates {
		var element T
		if err := dec.Decode(&element); err != nil {
			return err
		}
		*l = append(*l, element.update())
	}
	return nil
}

// githubPush is the body of GitHub, Gogs, Gitea and Forgejo.
type githubPush struct {
	Ref, Before, After string
	Repository         struct {
		ID            json.RawMessage
		FullName      string `json:"full_name"`
		CloneURL      string `json:"clone_url"`
		SSHURL        string `json:"ssh_url"`
		DefaultBranch string `json:"default_branch"`
	}
}

func (p githubPush) payload() payload {
	r := p.Repository
	return payload{
		id:      string(r.ID),
		repos:   []string{r.FullName, r.CloneURL, r.SSHURL},
		branch:  r.DefaultBranch,
		updates: []update{{p.Ref, p.Before, p.After}},
	}
}

type gitlabPush struct {
	Event              string `json:"event_name"`
	Kind               string `json:"object_kind"` // only in hooks of projects
	Ref, Before, After string
	Project            struct {
		ID            json.RawMessage
		FullName      string `json:"path_with_namespace"`
		HTTPURL       string `json:"git_http_url"`
		SSHURL        string `json:"git_ssh_url"`
		DefaultBranch string `json:"default_branch"`
	}
}

func (p gitlabPush) payload() payload {
	r := p.Project
	return payload{
		event:   cmp.Or(p.Event, p.Kind),
		id:      string(r.ID),
		repos:   []string{r.FullName, r.HTTPURL, r.SSHURL},
		branch:  r.DefaultBranch,
		updates: []update{{p.Ref, p.Before, p.After}},
	}
}

type bitbucketCloudPush struct {
	Push       struct{ Changes updates[bitbucketCloudChange] }
	Repository struct {
		UUID     string
		FullName string `json:"full_name"`
	}
}

// bitbucketCloudChange has an empty Old for a new ref, and an empty New for a deleted one.
type bitbucketCloudChange struct{ Old, New bitbucketCloudRef }

type bitbucketCloudRef struct {
	Name, Type string
	Target     struct{ Hash string }
}

func (c bitbucketCloudChange) update() update {
	prefix := map[string]string{"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}
	ref := cmp.Or(c.New, c.Old)
	return update{prefix[ref.Type] + ref.Name, c.Old.Target.Hash, c.New.Target.Hash}
}

func (p bitbucketCloudPush) payload() payload {
	r := p.Repository
	return payload{id: r.UUID, repos: []string{r.FullName}, updates: p.Push.Changes}
}

type bitbucketServerPush struct {
	Changes    updates[bitbucketServerChange]
	Repository struct {
		ID      json.RawMessage
		Slug    string
		Project struct{ Key string }
	}
}

type bitbucketServerChange struct{ RefID, FromHash, ToHash string }

func (c bitbucketServerChange) update() update { return update{c.RefID, c.FromHash, c.ToHash} }

func (p bitbucketServerPush) payload() payload {
	r := p.Repository
	return payload{id: string(r.ID), repos: []string{strings.Trim(r.Project.Key+"/"+r.Slug, "/")}, updates: p.Changes}
}

type azurePush struct {
	EventType string
	Resource  struct {
		RefUpdates updates[azureUpdate]
		Repository struct {
			ID, Name, RemoteURL, SSHURL, DefaultBranch string
			Project                                    struct{ Name string }
		}
	}
}

type azureUpdate struct{ Name, OldObjectID, NewObjectID string }

func (u azureUpdate) update() update { return update{u.Name, u.OldObjectID, u.NewObjectID} }

func (p azurePush) payload() payload {
	r := p.Resource.Repository
	return payload{
		event:   p.EventType,
		id:      r.ID,
		repos:   []string{r.RemoteURL, r.SSHURL, strings.Trim(r.Project.Name+"/"+r.Name, "/")},
		branch:  r.DefaultBranch,
		updates: p.Resource.RefUpdates,
	}
}

type genericPush struct{ Ref, Before, After, Repo, Repository string }

func (p genericPush) payload() payload {
	return payload{repos: []string{p.Repo, p.Repository}, updates: []update{{p.Ref, p.Before, p.After}}}
}
