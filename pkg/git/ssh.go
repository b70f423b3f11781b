package git

import (
	"cmp"
	"context"
	"net/url"
	"path"
	"strings"

	"git-sync/pkg/proc"
)

// UploadPack connects to git-upload-pack of the repository at an ssh URL, as git does, with protocol v2. ok is false
// if git might connect in another way: the user has set a shell command, or the URL is not of the simple form
// ssh://[user@]host[:port]/path or [user@]host:path. ctx limits only the start.
func (g *Git) UploadPack(ctx context.Context, repo string) (p *Process, ok bool, err error) {
	program, known := g.sshProgram()
	c, simple := uploadPack(repo)
	if !known || !simple {
		return nil, false, nil
	}
	c.program = program
	p, err = g.Start(ctx, c)
	return p, true, err
}

// sshProgram returns the program that git runs as ssh. ok is false if that is a shell command, or does not take
// OpenSSH's options.
func (g *Git) sshProgram() (program string, ok bool) {
	command := proc.Getenv(g.env, "GIT_SSH_COMMAND")
	if command == "" && proc.Getenv(g.env, "GIT_SSH") != "" {
		return "", false
	}
	program = cmp.Or(command, "ssh")
	// git uses a shell for a command with one of these characters.
	if strings.ContainsAny(program, "|&;<>()$`\\\"' \t\n*?[#~=%") {
		return "", false
	}
	variant := proc.Getenv(g.env, "GIT_SSH_VARIANT")
	return program, variant == "ssh" || variant == "" && path.Base(program) == "ssh"
}

// uploadPack returns the ssh command that git would run for a repository.
func uploadPack(repo string) (*Command, bool) {
	a, ok := ParseSSH(repo)
	dir := strings.TrimPrefix(a.Path, "/")
	if !strings.HasPrefix(dir, "~") { // a path relative to a home directory
		dir = a.Path
	}
	hasPassword := strings.Count(userInfo.FindString(repo), ":") > 1
	if !ok || dir == "" || hasPassword || strings.HasPrefix(repo, "[") || strings.ContainsAny(repo, "?#") {
		return nil, false
	}
	if strings.HasPrefix(dir, "//") || strings.HasPrefix(dir[1:], "~") {
		return nil, false
	}
	c := Cmd("-o", "SendEnv=GIT_PROTOCOL").Env("GIT_PROTOCOL=version=2")
	if a.Port != "" {
		c.Arg("-p").Operand(a.Port)
	}
	login := a.Host
	if a.User != "" {
		login = a.User + "@" + a.Host
	}
	quoted := "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(dir) + "'"
	return c.Operand(login, "git-upload-pack "+quoted), true
}

// SSHAddress has the parts of an ssh URL. Parts that the URL does not contain are empty.
type SSHAddress struct{ User, Host, Port, Path string }

// ParseSSH parses ssh://[user@]host[:port]/path and [user@]host:path as git does; ok is false for any other URL.
func ParseSSH(repo string) (a SSHAddress, ok bool) {
	scheme, _, isURL := strings.Cut(repo, "://")
	if isURL {
		u, err := url.Parse(repo)
		if err != nil || scheme != "ssh" && scheme != "git+ssh" && scheme != "ssh+git" {
			return SSHAddress{}, false
		}
		a = SSHAddress{User: u.User.Username(), Host: u.Hostname(), Port: u.Port(), Path: u.Path}
		return a, a.Host != ""
	}
	login, path, ok := strings.Cut(repo, ":")
	if address, after, isIPv6 := strings.Cut(repo, "]:"); isIPv6 {
		login, path = strings.Replace(address, "[", "", 1), after
	}
	at := strings.LastIndexByte(login, '@')
	a = SSHAddress{User: login[:max(at, 0)], Host: login[at+1:], Path: path}
	return a, ok && a.Host != "" && !strings.Contains(login, "/")
}
