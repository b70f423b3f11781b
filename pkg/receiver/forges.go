package receiver

import (
	"crypto/sha1"
	"crypto/sha256"
)

// auto is the provider that finds out who sends.
const auto = "auto"

// forge is one row: everything in which a forge differs from the others.
//
// Paths lead through objects, and through the elements of arrays, by the names of
// members joined with dots. Of several paths the first counts that leads to something.
type forge struct {
	name string

	// marks are headers of which any one shows that a delivery is this forge's, values
	// included ("Authorization: Basic " is a beginning). Rows are asked in order: forges
	// that also send the headers of those they descend from come before them.
	marks []string

	// schemes prove the sender; any of them will do. They sign the raw body. Of a form, signsPayload says, they may
	// sign the JSON in it instead.
	schemes      []scheme
	signsPayload bool

	// event is the header that names the event, eventAt paths in the body, for forges that
	// name it there. With neither everything is a push.
	event   string
	eventAt []string
	pushes  []string // events that are pushes
	pings   []string // events that ask whether we are here

	// each leads to the objects that are one updated ref each; "" is the whole body.
	each string
	// ref leads to the ref's name; kind, where the name is short, to what it is (refPrefix).
	ref, kind     []string
	before, after []string

	// repos leads to the repository's URLs and full names; "a/b" are two paths whose
	// values are joined by a slash.
	repos []string
	// branch leads to the name of the default branch.
	branch string
}

// forges is the table. The sources of each row are the forge's own documentation of its webhooks.
func forges() []forge {
	return []forge{
		likeGitHub(forge{
			name:         "forgejo",
			marks:        []string{"X-Forgejo-Event"},
			schemes:      []scheme{hexHMAC("X-Forgejo-Signature", "", sha256.New), hexHMAC("X-Hub-Signature-256", "sha256=", sha256.New)},
			event:        "X-Forgejo-Event",
			signsPayload: true,
			pushes:       []string{"push"},
		}),
		likeGitHub(forge{
			name:         "gitea",
			marks:        []string{"X-Gitea-Event"},
			schemes:      []scheme{hexHMAC("X-Gitea-Signature", "", sha256.New), hexHMAC("X-Hub-Signature-256", "sha256=", sha256.New)},
			event:        "X-Gitea-Event",
			signsPayload: true,
			pushes:       []string{"push"},
		}),
		likeGitHub(forge{
			name:         "gogs",
			marks:        []string{"X-Gogs-Event"},
			schemes:      []scheme{hexHMAC("X-Gogs-Signature", "", sha256.New)},
			event:        "X-Gogs-Event",
			signsPayload: true,
			pushes:       []string{"push"},
		}),
		likeGitHub(forge{
			name:    "github",
			marks:   []string{"X-Github-Event"},
			schemes: []scheme{hexHMAC("X-Hub-Signature-256", "sha256=", sha256.New), onlyIfAllowed(hexHMAC("X-Hub-Signature", "sha1=", sha1.New))},
			event:   "X-Github-Event",
			pushes:  []string{"push"},
			pings:   []string{"ping"},
		}),
		{
			// A system hook's header does not name the event, the body does, and so does a project's.
			name:    "gitlab",
			marks:   []string{"X-Gitlab-Event"},
			schemes: []scheme{token("X-Gitlab-Token"), standardWebhook()},
			event:   "X-Gitlab-Event",
			eventAt: []string{"event_name", "object_kind"},
			pushes:  []string{"push", "tag_push", "Push Hook", "Tag Push Hook"},
			ref:     []string{"ref"},
			before:  []string{"before"},
			after:   []string{"after"},
			repos: []string{
				"project.path_with_namespace", "project.git_http_url", "project.git_ssh_url", "project.web_url",
				"repository.git_http_url", "repository.git_ssh_url",
			},
			branch: "project.default_branch",
		},
		{
			// The cloud names its hook; the server, which uses the same header for the event, does not.
			name:    "bitbucket-cloud",
			marks:   []string{"X-Hook-Uuid"},
			schemes: []scheme{hexHMAC("X-Hub-Signature", "sha256=", sha256.New)},
			event:   "X-Event-Key",
			pushes:  []string{"repo:push"},
			each:    "push.changes",
			ref:     []string{"push.changes.new.name", "push.changes.old.name"},
			kind:    []string{"push.changes.new.type", "push.changes.old.type"},
			before:  []string{"push.changes.old.target.hash"},
			after:   []string{"push.changes.new.target.hash"},
			repos:   []string{"repository.full_name", "repository.links.html.href"},
		},
		{
			name:    "bitbucket-server",
			marks:   []string{"X-Event-Key"},
			schemes: []scheme{hexHMAC("X-Hub-Signature", "sha256=", sha256.New)},
			event:   "X-Event-Key",
			pushes:  []string{"repo:refs_changed", "mirror:repo_synchronized"},
			pings:   []string{"diagnostics:ping"},
			each:    "changes",
			ref:     []string{"changes.ref.id", "changes.refId"},
			before:  []string{"changes.fromHash"},
			after:   []string{"changes.toHash"},
			repos:   []string{"repository.project.key/repository.slug", "repository.links.clone.href"},
		},
		{
			name:    "azure-devops",
			marks:   []string{"Authorization: Basic "},
			schemes: []scheme{basicPassword()},
			eventAt: []string{"eventType"},
			pushes:  []string{"git.push"},
			each:    "resource.refUpdates",
			ref:     []string{"resource.refUpdates.name"},
			before:  []string{"resource.refUpdates.oldObjectId"},
			after:   []string{"resource.refUpdates.newObjectId"},
			repos: []string{
				"resource.repository.remoteUrl", "resource.repository.sshUrl",
				"resource.repository.project.name/resource.repository.name",
			},
			branch: "resource.repository.defaultBranch",
		},
		{
			// For curl and CI: the token is enough. A body may narrow it down, and need not.
			name:    generic,
			marks:   []string{"Authorization: Bearer "},
			schemes: []scheme{bearer()},
			ref:     []string{"ref"},
			before:  []string{"before"},
			after:   []string{"after"},
			repos:   []string{"repo", "repository"},
		},
	}
}

// generic is the row that takes a delivery without a body.
const generic = "generic"

// likeGitHub adds the body that GitHub, Gogs and Gogs' descendants share.
func likeGitHub(f forge) forge {
	f.ref, f.before, f.after = []string{"ref"}, []string{"before"}, []string{"after"}
	f.repos = []string{"repository.full_name", "repository.clone_url", "repository.ssh_url", "repository.html_url"}
	f.branch = "repository.default_branch"
	return f
}

// refPrefix is the namespace of a ref of which the forge gives a kind and a short name.
func refPrefix(kind string) string {
	switch kind {
	case "branch", "named_branch":
		return "refs/heads/"
	case "tag", "annotated_tag":
		return "refs/tags/"
	default:
		return ""
	}
}
