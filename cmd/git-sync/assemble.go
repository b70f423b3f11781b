package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/git"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/syncer"
)

// app is everything put together, ready to run.
type app struct {
	cfg    config.Config
	log    *logging.Logging
	git    *git.Git
	auth   *auth.Auth
	repo   *repo.Repo
	errors *errorKeeper
	hooks  hooks
	steps  *steps
	http   listeners
	syncer *syncer.Syncer
}

// assemble builds everything from the configuration. It looks at the environment (git, the root, the addresses to listen
// on), and returns all that is wrong with it at once.
func (p process) assemble(ctx context.Context, cfg config.Config, log *logging.Logging) (*app, []error) {
	one := cfg.Syncs[0]
	a := &app{cfg: cfg, log: log}
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	var err error
	a.git, err = git.New(ctx, git.Options{
		Path: cfg.Process.Git, Env: p.environ, Config: gitConfig(one), Log: log.Logger(), Observe: a.http.gitEnded,
	})
	note(err)
	a.auth, err = newAuth(cfg, a.git, log)
	note(err)
	progress := log.Progress()
	a.repo, err = repo.Open(repoOptions(one, a.git, log, progress))
	note(err)
	a.hooks = p.newHooks(cfg, log)
	problems = append(problems, a.listen(ctx)...)
	if len(problems) > 0 {
		a.close()
		return a, problems
	}
	a.connect(progress)
	return a, nil
}

// newAuth says how git is let in.
func newAuth(cfg config.Config, g *git.Git, log *logging.Logging) (*auth.Auth, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding our own executable, which git runs to ask for credentials: %w", err)
	}
	s := cfg.Syncs[0]
	c := s.Auth
	credentials := make([]auth.Credential, 0, len(c.Credentials))
	for _, one := range c.Credentials {
		credentials = append(credentials, auth.Credential{
			URL: one.URL, Username: one.Username, Password: one.Password, PasswordFile: one.PasswordFile,
			SSHKeyFile: one.SSHKeyFile,
		})
	}
	return auth.New(auth.Options{
		Self: self, URL: s.Repo,
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
		KeepSSH: keptSSH(cfg.Process, s),
		AddUser: cfg.Process.AddUser, Env: g.Environ(), GitConfig: gitConfig(s), Log: log.Logger(),
		Learned: func(secret string) { log.AddSecret(secret) },
	})
}

// leastTimeout is how long a sync has at least where connections are kept: one that has died is not found out in no time.
const leastTimeout = 10 * time.Second

// keptSSH says how soon it must be noticed that a connection which is kept has died: in time for the sync that finds
// it so to make another.
func keptSSH(p config.Process, s config.Sync) time.Duration {
	if p.OneTime || remote.Poll(s.Poll) != remote.PollPersistent || s.SyncTimeout < leastTimeout {
		return 0
	}
	return min(time.Minute, s.SyncTimeout/2)
}

func gitConfig(s config.Sync) []git.KV {
	kvs := make([]git.KV, 0, len(s.GitConfig))
	for _, kv := range s.GitConfig {
		kvs = append(kvs, git.KV(kv))
	}
	return kvs
}

func repoOptions(s config.Sync, g *git.Git, log *logging.Logging, progress *logging.Progress) repo.Options {
	return repo.Options{
		Git: g, Log: log.Logger(),
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

// followed is the ref, "" where it is chosen among tags.
func followed(s config.Sync) string {
	if s.RefPattern != "" || s.RefSemver != "" {
		return ""
	}
	return s.Ref
}

// connect makes the loop out of the parts.
func (a *app) connect(progress *logging.Progress) {
	cfg, oneTime := a.cfg.Syncs[0], a.cfg.Process.OneTime
	touchFile := below(a.repo.Root(), cfg.TouchFile)
	a.errors = keepErrors(a.log.ErrorFile(below(a.repo.Root(), cfg.ErrorFile)), a.log.Logger())
	a.steps = &steps{Repo: a.repo, auth: a.auth, progress: progress.Done}
	initBudget := syncer.Budget(cfg.InitBudget)
	opt := syncer.Options{
		Steps: a.steps,
		Repo:  logging.Redact(cfg.Repo), Ref: followed(cfg),
		GateBackoff: cfg.PrePublish.Backoff, Tell: a.hooks.tell,
		Period: cfg.Period, InitPeriod: cfg.InitPeriod, Timeout: cfg.SyncTimeout, OneTime: oneTime,
		Budget: syncer.Budget(cfg.Budget), InitBudget: &initBudget, BackoffMax: cfg.BackoffMax,
		Log: a.log.Logger(), Observe: a.http.observe,
		Failed: a.errors.failed, Succeeded: a.errors.succeeded,
	}
	if a.hooks.gate != nil {
		opt.Gate = a.hooks.check
	}
	if touchFile != "" {
		opt.Touch = func() error { return touch(touchFile) }
	}
	a.syncer = syncer.New(opt)
}
