package instance

import (
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
)

// newAuth makes the credentials.
func newAuth(o Options, g *git.Git) (*auth.Auth, error) {
	c := o.Sync.Auth
	credentials := make([]auth.Credential, 0, len(c.Credentials))
	for _, one := range c.Credentials {
		credentials = append(credentials, auth.Credential{
			URL: one.URL, Username: one.Username, Password: one.Password, PasswordFile: one.PasswordFile,
			SSHKeyFile: one.SSHKeyFile,
		})
	}
	return auth.New(auth.Options{
		Self: o.Self, URL: o.Sync.Repo,
		Settings: auth.Settings{
			Username: c.Username, Password: c.Password, PasswordFile: c.PasswordFile,
			Credentials: credentials,
			SSHKeyFiles: c.SSHKeyFiles, SSHKnownHosts: c.SSHKnownHosts, SSHKnownHostsFile: c.SSHKnownHostsFile,
			CookieFile: c.CookieFile, AskpassURL: c.AskpassURL,
			GitHub: auth.GitHubApp{
				BaseURL: c.GitHub.BaseURL, PrivateKey: c.GitHub.PrivateKey, PrivateKeyFile: c.GitHub.PrivateKeyFile,
				ClientID: c.GitHub.ClientID, ApplicationID: c.GitHub.ApplicationID, InstallationID: c.GitHub.InstallationID,
			},
		},
		KeepSSH: keptSSH(o),
		AddUser: o.AddUser, Env: g.Environ(), GitConfig: gitConfig(o.Sync), Log: o.Log.Logger(),
		Learned: func(secret string) { o.Log.AddSecret(secret) },
	})
}

// leastTimeout is how long a sync has at least where connections are kept: one that has died is not found out in no time.
const leastTimeout = 10 * time.Second

// keptSSH says how soon it must be noticed that a connection which is kept has died: in time for the sync that finds
// it so to make another.
func keptSSH(o Options) time.Duration {
	if o.OneTime || remote.Poll(o.Sync.Poll) != remote.PollPersistent || o.Sync.SyncTimeout < leastTimeout {
		return 0
	}
	return min(time.Minute, o.Sync.SyncTimeout/2)
}

func gitConfig(s config.Sync) []git.KV {
	kvs := make([]git.KV, 0, len(s.GitConfig))
	for _, kv := range s.GitConfig {
		kvs = append(kvs, git.KV(kv))
	}
	return kvs
}

func repoOptions(o Options, g *git.Git, progress *logging.Progress) repo.Options {
	s := o.Sync
	return repo.Options{
		Git: g, Log: o.Log.Logger(),
		Root: s.Root, Link: s.Link, Layout: repo.Layout(s.Layout),
		URL: s.Repo, Ref: s.Ref, Depth: s.Depth, Filter: s.Filter,
		Submodules: repo.Submodules(s.Submodules), SparseFile: s.SparseCheckoutFile,
		Checkout: repo.CheckoutMode(s.Checkout), StaleTimeout: s.StaleWorktreeTimeout,
		Permissions: s.Permissions, GroupWrite: s.GroupWrite,
		GC: repo.GC(s.GitGC), Config: gitConfig(s),
		RefPattern: s.RefPattern, RefSemver: s.RefSemver, RefPinned: s.RefPinned,
		Poll:   remote.Poll(s.Poll),
		Verify: repo.Verify(s.Verify), Trust: git.Trust{Keyring: s.VerifyKeyring, AllowedSigners: s.VerifyAllowedSigners},
		ProgressLive: progress.Live(),
		Progress: func(p git.Progress) {
			progress.Update(p.Phase, p.Percent, p.Detail)
		},
	}
}

// Followed is the ref that a sync follows, "" where it is chosen among tags.
func Followed(s config.Sync) string {
	if s.RefPattern != "" || s.RefSemver != "" {
		return ""
	}
	return s.Ref
}
