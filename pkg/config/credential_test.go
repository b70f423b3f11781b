package config

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"git-sync/pkg/advice"
	"git-sync/pkg/auth"
	"git-sync/pkg/secret"
)

func TestParseCredentials(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []auth.Credential
	}{
		{`{"url":"https://a.example","username":"u","password":"p"}`, []auth.Credential{{URL: "https://a.example", Username: "u", Password: "p"}}},
		{`{"url":"git@a.example:x","ssh-key-file":"/k"}`, []auth.Credential{{URL: "git@a.example:x", SSHKeyFile: "/k"}}},
		{`{"url":"ssh://git@a.example:22/x","ssh-key-file":"/k"}`, []auth.Credential{{URL: "ssh://git@a.example:22/x", SSHKeyFile: "/k"}}},
		{` {"url":"https://a.example/x","username":"u","password-file":"/p"} `, []auth.Credential{{URL: "https://a.example/x", Username: "u", PasswordFile: "/p"}}},
		{`[]`, nil},
		{
			`[{"url":"https://a.example","username":"u","password":"p"},{"url":"http://b.example","username":"v","password":"\"\u00e9"}]`,
			[]auth.Credential{{URL: "https://a.example", Username: "u", Password: "p"}, {URL: "http://b.example", Username: "v", Password: `"é`}},
		},
	} {
		got, err := parseCredentials(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", c.in, got, err)
		}
	}
	const notJSON = "is not a JSON object, or a list of them, with the fields url, username, password, password-file and ssh-key-file"
	for _, c := range []struct{ in, want string }{
		{`hunter2`, notJSON},
		{`{`, notJSON},
		{`"hunter2"`, notJSON},
		{`null`, "url is not an http or https URL"},
		{`[1]`, notJSON},
		{`{"hunter2":1}`, notJSON},
		{`{"url":"https://a.example","ssh-key-file":"/k"}`, "url is not an ssh URL"},
		{`{"url":"/a:b","ssh-key-file":"/k"}`, "url is not an ssh URL"},
		{`{"url":"git@a.example:x","ssh-key-file":""}`, "url is not an http or https URL"},
		{`{"url":"git@a.example:x","ssh-key-file":"/k","username":"u"}`, "ssh-key-file cannot be combined with username or password"},
		{`{"url":"ssh://git@a.example/x","username":"u","password":"hunter2"}`, "url is not an http or https URL"},
		{`{"url":"https://a.example","username":"u","password":["hunter2"]}`, notJSON},
		{`{"username":"u","password":"hunter2"}`, "url is not an http or https URL"},
		{`{"url":"https://a.example","password":"hunter2"}`, "username is missing"},
		{`{"url":"https://a.example","username":"u"}`, "needs either password or password-file"},
		{`{"url":"https://a.example","username":"u","password":"hunter2","password-file":"/p"}`, "needs either password or password-file"},
		{`{"url":"https://u:hunter2@a.example","username":"u","password":"p"}`, "url contains a user or password"},
		{`{"url":"-x","username":"u","password":"p"}`, "contains a control character, or a URL that begins with -"},
		{`{"url":"git@a.example:r","username":"u","password":"p"}`, "url is not an http or https URL"},
		{`{"url":"https://a.example","username":"u","password":"a\nhost=evil"}`, "contains a control character, or a URL that begins with -"},
		{`{"url":"https://a.example","username":"u","password-file":""}`, "needs either password or password-file"},
		{`{"url":"https://a.example","username":"u","password":"hunter2"} {}`, notJSON},
		{`[{"url":"https://a.example","username":"u","password":"hunter2"},{"url":"https://b.example"}]`, "credential 2 of 2: username is missing"},
	} {
		_, err := parseCredentials(c.in)
		if err == nil || err.Error() != c.want && err.Error() != "credential 1 of 1: "+c.want {
			t.Errorf("%s: %v, want %s", c.in, err, c.want)
		}
		if err != nil && strings.Contains(err.Error()+advice.Hint(err), "hunter2") {
			t.Errorf("%s: the error repeats what was given: %v", c.in, err)
		}
	}
}

func FuzzCredentials(f *testing.F) {
	f.Add(`{"url":"https://a.example","username":"u","password":"p"}`)
	f.Add(`[{"url":"https://a.example","username":"u","password-file":"p"},null]`)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseCredentials(s)
		if err != nil {
			return
		}
		for _, c := range list {
			if c.URL == "" || c.Username == "" || (c.PasswordFile != "" && c.Password != "") {
				t.Fatalf("%q: accepted incomplete: %+v", s, c)
			}
			// git's credential protocol has one line for each of them.
			if strings.ContainsAny(c.URL+c.Username+c.Password.Reveal()+c.PasswordFile, "\n\r\x00") {
				t.Fatalf("%q: accepted a line end", s)
			}
		}
		if out, err := json.Marshal(list); err != nil || len(list) > 0 && list[0].Password != "" && !strings.Contains(string(out), secret.Redacted) {
			t.Fatalf("%s, %v", out, err)
		}
	})
}
