package config

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

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
	for _, c := range []struct{ in, want string }{
		{`hunter2`, "is not valid JSON (at byte 1)"},
		{`{`, "is not valid JSON: it ends too early"},
		{`  `, "is not valid JSON: it ends too early"},
		{`"hunter2"`, "is of type string, where an object is needed"},
		{`null`, "url is missing"},
		{`[1]`, "is of type number, where an object is needed"},
		{`{"hunter2":1}`, "has an unknown field"},
		{`{"url":"https://a.example","ssh-key-file":"/k"}`, "url is not an ssh URL"},
		{`{"url":"/a:b","ssh-key-file":"/k"}`, "url is not an ssh URL"},
		{`{"url":"git@a.example:x","ssh-key-file":""}`, "ssh-key-file is not a path"},
		{`{"url":"git@a.example:x","ssh-key-file":"/k","username":"u"}`, "ssh-key-file cannot be combined with username or password"},
		{`{"url":"ssh://git@a.example/x","username":"u","password":"hunter2"}`, "url is not an http or https URL"},
		{`{"url":"https://a.example","username":"u","password":["hunter2"]}`, `"password" is of type array, where a string is needed`},
		{`{"username":"u","password":"hunter2"}`, "url is missing"},
		{`{"url":"https://a.example","password":"hunter2"}`, "username is missing"},
		{`{"url":"https://a.example","username":"u"}`, "password or password-file is missing"},
		{`{"url":"https://a.example","username":"u","password":"hunter2","password-file":"/p"}`, "password and password-file cannot both be there"},
		{`{"url":"https://u:hunter2@a.example","username":"u","password":"p"}`, "url holds a user or password of its own"},
		{`{"url":"-x","username":"u","password":"p"}`, "url is not a URL"},
		{`{"url":"git@a.example:r","username":"u","password":"p"}`, "url is not an http or https URL"},
		{`{"url":"https://a.example","username":"u","password":"a\nhost=evil"}`, "username or password holds a control character"},
		{`{"url":"https://a.example","username":"u","password-file":""}`, "password-file is not a path"},
		{`{"url":"https://a.example","username":"u","password":"hunter2"} {}`, "something stands behind the JSON value"},
		{`[{"url":"https://a.example","username":"u","password":"hunter2"},{"url":"https://b.example"}]`, "credential 2 of 2: username is missing"},
	} {
		_, err := parseCredentials(c.in)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.in, err, c.want)
		}
		if err != nil && strings.Contains(err.Error()+hintOf(err), "hunter2") {
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
