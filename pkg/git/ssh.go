package git

import (
	"cmp"
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
)

// UploadPack connects to git-upload-pack of the repository at an ssh URL, as git
// does, asking for protocol v2. ok is false if git would connect in a way that
// cannot be told from here: there is a shell command of the user's to run, or
// the URL is not plainly ssh://[user@]host[:port]/path or [user@]host:path.
// ctx bounds the starting only.
func (g *Git) UploadPack(ctx context.Context, repo string) (p *Process, ok bool, err error) {
	program, ok := g.sshProgram()
	if !ok {
		return nil, false, nil
	}
	c, ok := uploadPack(repo)
	if !ok {
		return nil, false, nil
	}
	c.program = program
	p, err = g.Start(ctx, c)
	return p, true, err
}

// sshProgram is what git runs as ssh, if that is a program that takes OpenSSH's
// options, and no shell command.
func (g *Git) sshProgram() (program string, ok bool) {
	get := func(name string) string {
		for _, kv := range slices.Backward(g.env) {
			if value, found := strings.CutPrefix(kv, name+"="); found {
				return value
			}
		}
		return ""
	}
	program = cmp.Or(get("GIT_SSH_COMMAND"), "ssh")
	if get("GIT_SSH_COMMAND") == "" && get("GIT_SSH") != "" {
		return "", false
	}
	// What git looks for before it runs a command without a shell.
	if strings.ContainsAny(program, "|&;<>()$`\\\"' \t\n*?[#~=%") {
		return "", false
	}
	variant := get("GIT_SSH_VARIANT")
	return program, variant == "ssh" || variant == "" && path.Base(program) == "ssh"
}

// uploadPack is the call of ssh that git makes for a repository.
func uploadPack(repo string) (*Command, bool) {
	a, ok := parseSSH(repo)
	if !ok {
		return nil, false
	}
	c := Cmd("-o", "SendEnv=GIT_PROTOCOL").Env("GIT_PROTOCOL=version=2")
	if a.port != "" {
		c.Arg("-p").Operand(a.port)
	}
	quoted := "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(a.dir) + "'"
	return c.Operand(a.login, "git-upload-pack "+quoted), true
}

// sshAddress is where a repository is.
type sshAddress struct {
	login string // [user@]host
	port  string
	dir   string // on the server
}

// parseSSH takes an ssh URL apart as git does.
func parseSSH(repo string) (a sshAddress, ok bool) {
	if !strings.HasPrefix(repo, "ssh://") {
		a.login, a.dir, ok = strings.Cut(repo, ":")
		ok = ok && a.login != "" && !strings.ContainsAny(a.login, "/[]") && !strings.HasPrefix(a.dir, "//")
	} else if u, err := url.Parse(repo); err == nil && u.Hostname() != "" && u.Opaque == "" {
		_, secret := u.User.Password()
		a = sshAddress{login: u.Hostname(), port: u.Port(), dir: u.Path}
		if u.User != nil {
			a.login = u.User.Username() + "@" + a.login
		}
		ok = !secret && !strings.ContainsAny(repo, "?#")
	}
	if strings.HasPrefix(a.dir, "/~") {
		a.dir = a.dir[1:] // below a home directory
	}
	return a, ok && a.dir != "" && !strings.HasPrefix(a.dir[1:], "~")
}
