package instance

import (
	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
)

// newAuth makes the credentials.
func newAuth(o Options, g *git.Git) *auth.Auth {
	return auth.New(auth.Options{
		Settings: o.Sync.Auth,
		Self:     o.Self, URL: o.Sync.URL,
		AddUser: o.AddUser, Env: g.Environ(), GitConfig: o.Sync.Config, Log: o.Log.Logger(),
		Learned: o.Log.AddSecret,
	})
}

// repoOptions returns the options from the configuration, completed by the process and the instance. changed is
// called when another instance finds a change.
func repoOptions(o Options, g *git.Git, progress *logging.Progress, changed func()) repo.Options {
	r := o.Sync.Options
	r.Git, r.Log, r.Umask, r.Describe = g, o.Log.Logger(), o.Umask, o.Describe
	r.Hooked = o.Sync.PrePublish.Command != ""
	if r.GroupWrite {
		r.Umask = groupUmask
	}
	r.Progress = func(p git.Progress) { progress.Update(p.Phase, p.Percent, p.Detail) }
	r.Sharing = func() remote.Sharing {
		return remote.Sharing{Pool: o.Polls, Credentials: o.Sync.Auth, Period: o.Sync.Loop.Period, Changed: changed}
	}
	return r
}

// Followed returns the ref to sync; "" if it is chosen from the tags.
func Followed(s config.Sync) string {
	if s.Rev != "" {
		return s.Rev
	}
	if s.RefPattern != "" || s.RefSemver != "" {
		return ""
	}
	return s.Ref
}
