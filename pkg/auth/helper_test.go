package auth

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// ask runs Helper as git would for a URL, with entries in its environment.
func ask(t testing.TB, entries []entry, raw string) (user, pass string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	request := "capability[]=authtype\nprotocol=" + u.Scheme + "\nhost=" + u.Host + "\n"
	if path := strings.TrimPrefix(u.Path, "/"); path != "" {
		request += "path=" + path + "\n"
	}
	if u.User != nil {
		request += "username=" + u.User.Username() + "\n"
	}
	out := askRaw(t, entries, request+"\n")
	if out == "" {
		return "", "NO"
	}
	user, pass, _ = strings.Cut(strings.TrimPrefix(strings.TrimSuffix(out, "\n"), "username="), "\npassword=")
	return user, pass
}

func askRaw(t testing.TB, entries []entry, request string) string {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	env := []string{credentialVariable + "=" + string(text)}
	if code, handled := Helper(env, []string{"get"}, strings.NewReader(request), &out, &errs); code != 0 || !handled {
		t.Fatalf("exit %d, %v: %s", code, handled, errs.String())
	}
	return out.String()
}

func TestCredentialHelper(t *testing.T) {
	entries := []entry{
		{Base: "https://forge.example", Path: "org/private", User: "deploy", Pass: "p-private"},
		{Base: "https://forge.example", Path: "org", User: "jane@corp.example", Pass: "p-org"},
		{Base: "https://forge.example", User: "bot", Pass: "p-host"},
		{Base: "https://app.example:8443", User: tokenUser, Pass: "p-app", AnyUser: true},
		{Base: "http://plain.example", User: "a/b c", Pass: "p-plain"},
		{Base: "https://token.example", User: "t0ken"},
	}
	for raw, want := range map[string]string{
		"https://forge.example":                                       "bot p-host",
		"https://FORGE.example:443":                                   "bot p-host",
		"https://forge.example/org/private.git":                       "deploy p-private",
		"https://forge.example/org/private.git/info":                  "deploy p-private",
		"https://forge.example/org/privateer.git":                     "jane@corp.example p-org",
		"https://forge.example/organic/x.git":                         "bot p-host",
		"https://bot@forge.example":                                   "bot p-host",
		"https://bot@forge.example/elsewhere":                         "bot p-host",
		"https://jane%40corp.example@forge.example/org/x.git":         "jane@corp.example p-org",
		"https://deploy@forge.example/org/private.git":                "deploy p-private",
		"https://bot@forge.example/org/private.git":                   "bot p-host",
		"https://x-access-token@app.example:8443":                     "x-access-token p-app",
		"https://another@app.example:8443/org/x.git":                  "another p-app",
		"https://app.example:8443/org/x.git/info/lfs":                 tokenUser + " p-app",
		"http://a%2Fb%20c@plain.example":                              "a/b c p-plain",
		"http://plain.example:80":                                     "a/b c p-plain",
		"https://token.example":                                       "t0ken ",
		"https://t0ken@token.example":                                 "t0ken ",
		"https://bot@forge.example:443/org/unknown-user-for-here.git": "bot p-host",
		"https://evil.example":                                        " NO",
		"http://forge.example":                                        " NO",
		"https://forge.example:8443":                                  " NO",
		"https://forge.example.evil.example":                          " NO",
		"https://evil.example/https://forge.example":                  " NO",
		"https://forge.example%2F@evil.example":                       " NO",
		"https://stranger@forge.example":                              " NO",
		"https://bot@evil.example":                                    " NO",
		"https://x-access-token@app.example":                          " NO",
		"ftp://bot@forge.example":                                     " NO",
	} {
		if user, pass := ask(t, entries, raw); user+" "+pass != want {
			t.Errorf("%s\n got %q, want %q", raw, user+" "+pass, want)
		}
	}
}

// FuzzCredentialHelper checks that a secret goes nowhere but to its host, whatever git says.
func FuzzCredentialHelper(f *testing.F) {
	f.Add("protocol=https\nhost=good.example\nusername=bot\n\n")
	f.Add("protocol=https\nhost=GOOD.example:443\npath=a/b\nhost=evil.example\n\n")
	f.Add("=\n\nhost=good.example")
	f.Add("host=app.example\nprotocol=https")
	f.Fuzz(func(t *testing.T, request string) {
		entries := []entry{
			{Base: "https://good.example", User: "bot", Pass: "secret"},
			{Base: "https://app.example", User: tokenUser, Pass: "token", AnyUser: true},
		}
		wanted, err := readRequest(strings.NewReader(request))
		if err != nil {
			return
		}
		out := askRaw(t, entries, request)
		if strings.Contains(out, "secret") && wanted.base != "https://good.example" || strings.Contains(out, "token") && wanted.base != "https://app.example" {
			t.Errorf("%q got %q", request, out)
		}
		if out != "" && strings.Count(out, "\n") != 2 {
			t.Errorf("%q got more than two lines: %q", request, out)
		}
	})
}

func TestHelper(t *testing.T) {
	var out, errs strings.Builder
	nothing := strings.NewReader("")
	if _, handled := Helper([]string{"PATH=/bin"}, []string{"--repo=x"}, nothing, &out, &errs); handled {
		t.Error("an ordinary start was taken for a helper's")
	}
	env := []string{credentialVariable + `=[{"base":"https://h","user":"u","pass":"p"}]`}
	for _, action := range []string{"store", "erase"} {
		if code, handled := Helper(env, []string{action}, nothing, &out, &errs); !handled || code != 0 || out.String() != "" {
			t.Errorf("%s: got %d %v %q", action, code, handled, out.String())
		}
	}
	if code, handled := Helper(env, nil, nothing, &out, &errs); !handled || code == 0 {
		t.Errorf("without an action: got %d %v", code, handled)
	}
	if code, handled := Helper([]string{credentialVariable + "=broken"}, []string{"get"}, nothing, &out, &errs); !handled || code == 0 {
		t.Errorf("without credentials: got %d %v", code, handled)
	}
	if code, handled := Helper([]string{sshVariable + "={}", "PATH=" + t.TempDir()}, []string{"host", "git-upload-pack 'x'"}, nothing, &out, &errs); !handled || code != 127 {
		t.Errorf("without ssh: got %d %v", code, handled)
	}
	if !strings.Contains(errs.String(), "ssh is not installed") {
		t.Errorf("stderr: %q", errs.String())
	}
}
