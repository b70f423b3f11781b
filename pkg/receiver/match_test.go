package receiver

import "testing"

func TestRepositories(t *testing.T) {
	for _, tc := range []struct {
		name, ours string
		theirs     []string
		want       bool
	}{
		{"https and ssh", "https://github.com/team/docs", []string{"git@github.com:team/docs.git"}, true},
		{"scp form without a user", "github.com:team/docs", []string{"https://github.com/team/docs"}, true},
		{"ports", "ssh://git@h.example:2222/team/docs.git", []string{"https://h.example:8443/team/docs"}, true},
		{"case", "https://github.com/Team/Docs", []string{"team/docs"}, true},
		{"slashes", "https://github.com//team/docs.git//", []string{"team/docs"}, true},
		{"escapes", "https://dev.azure.com/acme/Team%20Docs/_git/docs", []string{"https://acme@dev.azure.com/acme/Team Docs/_git/docs"}, true},
		{"a name alone", "git@h.example:team/docs", []string{"team/docs"}, true},
		{"another name", "git@h.example:team/docs", []string{"team/web"}, false},
		{"one is the end of the other's name", "https://h.example/team/docs", []string{"steam/docs", "https://h.example/steam/docs"}, false},
		{"a group within a group", "https://h.example/big/team/docs", []string{"team/docs", "https://h.example/team/docs"}, false},
		{"a group around a group", "https://h.example/team/docs", []string{"big/team/docs", "https://h.example/big/team/docs"}, false},
		{"inside and outside name", "http://gitea.svc:3000/team/docs", []string{"team/docs", "https://git.example.com/team/docs.git"}, true},
		{"below a proxy", "https://proxy.example/github.com/team/docs", []string{"team/docs", "https://github.com/team/docs"}, true},
		{"below a directory", "/srv/mirrors/team/docs.git", []string{"team/docs", "https://github.com/team/docs"}, true},
		{"a file URL", "file:///srv/mirrors/team/docs.git", []string{"https://github.com/team/docs"}, true},
		{"one word is not enough to be the end", "https://proxy.example/github.com/team/docs", []string{"docs"}, false},
		{"a forge below a path", "https://h.example/gitlab/team/docs", []string{"team/docs", "https://h.example/gitlab/team/docs.git"}, true},
		{"Bitbucket Server", "ssh://git@b.example:7999/team/docs.git", []string{"TEAM/docs", "https://b.example/scm/team/docs.git"}, true},
		{"Bitbucket Server, only named", "https://b.example/scm/team/docs.git", []string{"TEAM/docs"}, true},
		{"Azure by ssh", "git@ssh.dev.azure.com:v3/acme/web/docs", []string{"https://dev.azure.com/acme/web/_git/docs"}, true},
		{"Azure's old name", "https://acme.visualstudio.com/DefaultCollection/web/_git/docs", []string{"https://dev.azure.com/acme/web/_git/docs"}, true},
		{"Azure's old ssh", "acme@vs-ssh.visualstudio.com:v3/acme/web/docs", []string{"https://acme.visualstudio.com/web/_git/docs"}, true},
		{"Azure, project called as the repository", "https://dev.azure.com/acme/_git/docs", []string{"https://dev.azure.com/acme/docs/_git/docs"}, true},
		{"Azure, another project", "https://dev.azure.com/acme/web/_git/docs", []string{"web2/docs", "https://dev.azure.com/acme/web2/_git/docs"}, false},
		{"nothing", "https://h.example/team/docs", []string{"", "/", "https://h.example", "://", "https://%zz/team/docs"}, false},
	} {
		if got := placeOf(tc.ours).isOurs(tc.theirs); got != tc.want {
			t.Errorf("%s: %q of %q: %v", tc.name, tc.ours, tc.theirs, got)
		}
	}
}

func TestDeleted(t *testing.T) {
	const zero = "0000000000000000000000000000000000000000"
	for u, want := range map[update]bool{
		{"r", pushed, zero}:                         true,
		{"r", pushed, zero + zero[:24]}:             true, // SHA-256
		{"r", pushed, ""}:                           true,
		{"r", zero, pushed}:                         false,
		{"r", "", ""}:                               false,
		{"r", "", pushed}:                           false,
		{"r", pushed, before}:                       false,
		{"r", zero, "0000000000000000000000000001"}: false,
	} {
		if got := u.deleted(); got != want {
			t.Errorf("%+v: %v", u, got)
		}
	}
}
