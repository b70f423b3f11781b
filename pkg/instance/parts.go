package instance

import (
	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
)

// newAuth makes the credentials.
func newAuth(o Options, g *git.Git) (*auth.Auth, error) {
	return auth.New(auth.Options{
		Settings: o.Sync.Auth,
		Self:     o.Self, URL: o.Sync.Repo,
		AddUser: o.AddUser, Env: g.Environ(), GitConfig: o.Sync.GitConfig, Log: o.Log.Logger(),
		Learned: func(secret string) { o.Log.AddSecret(secret) },
	})
}

func repoOptions(o Options, g *git.Git, progress *logging.Progress) repo.Options {
	s := o.Sync
	umask := o.Umask
	if s.GroupWrite {
		umask = groupUmask
	}
	return repo.Options{
		Git: g, Log: o.Log.Logger(),
		Root: s.Root, Link: s.Link, Layout: s.Layout, LayoutAsked: s.LayoutAsked,
		Source: repo.Source{
			URL: s.Repo, Ref: s.Ref, Rev: s.Rev, Depth: s.Depth, Filter: s.Filter, Poll: s.Poll,
			RefPattern: s.RefPattern, RefSemver: s.RefSemver, RefPinned: s.RefPinned,
			Verify: s.Verify, Trust: s.Trust,
		},
		Content: repo.Content{
			Submodules: s.Submodules, SparseFile: s.SparseCheckoutFile, Permissions: s.Permissions, GroupWrite: s.GroupWrite,
			Umask: umask, Config: s.GitConfig,
		},
		Checkout: s.Checkout, StaleTimeout: s.StaleWorktreeTimeout, GC: s.GitGC,
		ProgressLive: progress.Live(),
		Progress: func(p git.Progress) {
			progress.Update(p.Phase, p.Percent, p.Detail)
		},
	}
}

// Followed is the ref that a sync follows, "" where it is chosen among tags.
func Followed(s config.Sync) string {
	if s.Rev != "" {
		return s.Rev
	}
	if s.RefPattern != "" || s.RefSemver != "" {
		return ""
	}
	return s.Ref
}
