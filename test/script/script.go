// Package script runs the .txtar scripts that lie beside it: each is a session with the real program, readable as
// documentation of the command line and run as a test.
//
// A script is a list of commands (those of github.com/rogpeppe/go-internal/testscript and the ones below), and files that are
// there when it begins. Its directory is $WORK; nothing else of the machine is seen but PATH.
//
//	upstream NAME [http|https|git|sha256]...   make a repository; its URL is $NAME, its newest commit $NAME_hash and $NAME_short
//	commit NAME PATH CONTENT...                push files to its default branch
//	delete NAME PATH...                        push their removal
//	rewrite NAME PATH CONTENT...               force-push: replace the newest commit
//	branch NAME BRANCH, tag NAME TAG           make one at the newest commit (annotated, for a tag)
//	password NAME USER PASSWORD                let nobody in without it (http, https)
//	fault NAME STATUS|silence|heal             misbehave (http, https)
//	requests NAME KIND N                       there were exactly N requests of that kind (see gitserver.Kind) since the last ask
//
//	exits CODE PROGRAM ARG...                  run to the end; stdout and stderr as with exec
//	start ID PROGRAM ARG...                    run beside the script, its stderr going to the file ID.log
//	signal ID NAME                             send it SIGHUP, SIGTERM, ...
//	ends ID CODE                               wait until it has ended, within half a minute
//
//	await link PATH TARGET                     wait until the symlink has that target, at most half a minute
//	await file PATH, await gone PATH           wait until it is there, or no more
//	await text PATH REGEXP                     wait until the file has such a line
//	await http URL STATUS [REGEXP]             wait until a GET is answered so
//	post TOKEN URL STATUS [REGEXP]             POST with a bearer token is answered so
//	link PATH TARGET                           the symlink has that target now
//	free NAME                                  set $NAME to a free address on loopback
package script

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"git-sync/test/gitserver"
)

// Run runs every script in a directory. The programs in them must be known to the PATH, or to testscript.Main.
func Run(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values[stateKey{}] = &state{repos: map[string]*upstream{}, children: map[string]*child{}}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"upstream": positive(cmdUpstream),
			"commit":   positive(cmdCommit),
			"rewrite":  positive(cmdRewrite),
			"delete":   positive(cmdDelete),
			"branch":   positive(cmdBranch),
			"tag":      positive(cmdTag),
			"password": positive(cmdPassword),
			"fault":    positive(cmdFault),
			"requests": positive(cmdRequests),
			"exits":    positive(cmdExits),
			"start":    positive(cmdStart),
			"signal":   positive(cmdSignal),
			"ends":     positive(cmdEnds),
			"await":    positive(cmdAwait),
			"link":     positive(cmdLink),
			"post":     positive(cmdPost),
			"free":     positive(cmdFree),
		},
	})
}

type stateKey struct{}

// state is what one script has made so far.
type state struct {
	repos    map[string]*upstream
	children map[string]*child
}

type upstream struct {
	*gitserver.Repo
	server *gitserver.Server // nil unless http or https
}

// script is the running script with its state, and a [gitserver.TB].
type script struct {
	*testscript.TestScript
	*state
}

// positive refuses the "!" that makes no sense for commands which say themselves what they expect.
func positive(f func(script, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		f(script{ts, ts.Value(stateKey{}).(*state)}, args)
	}
}

func (s script) Helper()          {}
func (s script) Cleanup(f func()) { s.Defer(f) }

func (s script) TempDir() string {
	dir, err := os.MkdirTemp("", "git-sync-script-*")
	s.Check(err)
	s.Defer(func() { _ = os.RemoveAll(dir) })
	return dir
}

// need ends the script unless there are at least n arguments.
func (s script) need(args []string, n int, usage string) {
	if len(args) < n {
		s.Fatalf("usage: %s", usage)
	}
}

func (s script) repo(name string) *upstream {
	r, ok := s.repos[name]
	if !ok {
		s.Fatalf("there is no upstream %q", name)
	}
	return r
}

func cmdUpstream(s script, args []string) {
	s.need(args, 1, "upstream NAME [http|https|git|sha256]...")
	var o gitserver.RepoOptions
	transport := "file"
	for _, a := range args[1:] {
		if a == "sha256" {
			o.SHA256 = true
		} else {
			transport = a
		}
	}
	o.Root, o.Name = s.TempDir(), args[0]+".git"
	r := &upstream{Repo: gitserver.NewRepoWith(s, o)}
	s.repos[args[0]] = r
	url := r.FileURL()
	switch transport {
	case "file":
	case "http":
		r.server = gitserver.HTTP(s, r.Repo)
		url = r.server.RepoURL(r.Repo)
	case "https":
		r.server = gitserver.HTTPS(s, r.Repo)
		url = r.server.RepoURL(r.Repo)
		s.Setenv("GIT_SSL_CAINFO", r.server.CAFile)
	case "git":
		url = gitserver.Daemon(s, r.Repo)
	default:
		s.Fatalf("unknown transport %q", transport)
	}
	s.Setenv(args[0], url)
}

// pushed makes one commit and lets the script know its hash.
func (s script) pushed(name string, c gitserver.Change) {
	hash := s.repo(name).Apply(c)
	s.Setenv(name+"_hash", hash)
	s.Setenv(name+"_short", hash[:8])
}

func (s script) files(args []string, usage string) map[string]string {
	s.need(args, 3, usage)
	if len(args)%2 == 0 {
		s.Fatalf("usage: %s", usage)
	}
	files := map[string]string{}
	for i := 1; i < len(args); i += 2 {
		files[args[i]] = args[i+1] + "\n"
	}
	return files
}

func cmdCommit(s script, args []string) {
	s.pushed(args[0], gitserver.Change{Files: s.files(args, "commit NAME PATH CONTENT...")})
}

func cmdRewrite(s script, args []string) {
	s.Setenv(args[0]+"_hash", s.repo(args[0]).ForcePush(s.files(args, "rewrite NAME PATH CONTENT...")))
}

func cmdDelete(s script, args []string) {
	s.need(args, 2, "delete NAME PATH...")
	s.pushed(args[0], gitserver.Change{Delete: args[1:]})
}

func cmdBranch(s script, args []string) {
	s.need(args, 2, "branch NAME BRANCH")
	s.repo(args[0]).BranchAt(args[1], "HEAD")
}

func cmdTag(s script, args []string) {
	s.need(args, 2, "tag NAME TAG")
	s.repo(args[0]).AnnotatedTag(args[1], "HEAD")
}

func (s script) web(name string) *gitserver.Server {
	r := s.repo(name)
	if r.server == nil {
		s.Fatalf("upstream %s is not served over http", name)
	}
	return r.server
}

func cmdPassword(s script, args []string) {
	s.need(args, 3, "password NAME USER PASSWORD")
	s.web(args[0]).Require(gitserver.Basic(args[1], args[2]))
}

func cmdFault(s script, args []string) {
	s.need(args, 2, "fault NAME STATUS|silence|heal")
	server := s.web(args[0])
	var status int
	switch _, err := fmt.Sscan(args[1], &status); {
	case args[1] == "heal":
		server.Heal()
	case args[1] == "silence":
		server.Fail(gitserver.Rule{Do: gitserver.Silence()})
	case err == nil:
		server.Fail(gitserver.Rule{Do: gitserver.Status(status)})
	default:
		s.Fatalf("unknown fault %q", args[1])
	}
}

func cmdRequests(s script, args []string) {
	s.need(args, 3, "requests NAME KIND N")
	server := s.web(args[0])
	if got := fmt.Sprint(server.Count(gitserver.Kind(args[1]))); got != args[2] {
		s.Fatalf("%s requests of kind %s, want %s: %+v", got, args[1], args[2], server.Log())
	}
	server.Reset()
}
