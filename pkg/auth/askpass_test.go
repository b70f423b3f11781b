package auth

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// ask runs Askpass as git would, with entries in its environment.
func ask(t testing.TB, entries []entry, prompt string) (answer string, ok bool) {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	code := Askpass(lookup([]string{askpassVariable + "=" + string(text)}), []string{prompt}, &out)
	return strings.TrimSuffix(out.String(), "\n"), code == 0
}

func TestAskpass(t *testing.T) {
	entries := []entry{
		{Base: "https://forge.example", Path: "org/private", User: "deploy", Pass: "p-private"},
		{Base: "https://forge.example", Path: "org", User: "jane@corp.example", Pass: "p-org"},
		{Base: "https://forge.example", User: "bot", Pass: "p-host"},
		{Base: "https://app.example:8443", User: tokenUser, Pass: "p-app", AnyUser: true},
		{Base: "http://plain.example", User: "a/b c", Pass: "p-plain"},
		{Base: "https://token.example", User: "t0ken"},
	}
	for prompt, want := range map[string]string{
		"Username for 'https://forge.example': ":                                     "bot",
		"Username for 'https://FORGE.example:443': ":                                 "bot",
		"Username for 'https://forge.example/org/private.git': ":                     "deploy",
		"Username for 'https://forge.example/org/private.git/info': ":                "deploy",
		"Username for 'https://forge.example/org/privateer.git': ":                   "jane@corp.example",
		"Username for 'https://forge.example/organic/x.git': ":                       "bot",
		"Password for 'https://bot@forge.example': ":                                 "p-host",
		"Password for 'https://bot@forge.example/elsewhere': ":                       "p-host",
		"Password for 'https://jane@corp.example@forge.example/org/x.git': ":         "p-org",
		"Password for 'https://jane%40corp.example@forge.example/org/x.git': ":       "p-org",
		"Password for 'https://deploy@forge.example/org/private.git': ":              "p-private",
		"Password for 'https://bot@forge.example/org/private.git': ":                 "p-host",
		"Password for 'https://x-access-token@app.example:8443': ":                   "p-app",
		"Password for 'https://whoever@app.example:8443/org/x.git': ":                "p-app",
		"Username for \"https://app.example:8443/org/x.git/info/lfs\"":               tokenUser,
		"Password for \"https://x-access-token@app.example:8443/a.git/info/lfs\"":    "p-app",
		"Password for 'http://a/b c@plain.example': ":                                "p-plain",
		"Password for 'http://a%2Fb%20c@plain.example': ":                            "p-plain",
		"Username for 'http://plain.example:80': ":                                   "a/b c",
		"Username for 'https://token.example': ":                                     "t0ken",
		"Password for 'https://t0ken@token.example': ":                               "",
		"Password for 'https://bot@forge.example:443/org/unknown-user-for-here.git'": "p-host",
	} {
		if got, ok := ask(t, entries, prompt); !ok || got != want {
			t.Errorf("%s\n got %q (%v), want %q", prompt, got, ok, want)
		}
	}
}

// TestAskpassLeaksNothing asks, in the name of other hosts, for what they must not have.
func TestAskpassLeaksNothing(t *testing.T) {
	entries := []entry{
		{Base: "https://good.example", User: "bot", Pass: "secret"},
		{Base: "https://app.example", User: tokenUser, Pass: "token", AnyUser: true},
	}
	for _, prompt := range []string{
		"",
		"Password: ",
		"Username for 'https://evil.example': ",
		"Username for 'http://good.example': ",
		"Username for 'https://good.example:8443': ",
		"Username for 'https://good.example.evil.example': ",
		"Username for 'https://evil.example/https://good.example': ",
		"Username for 'https://good.example@evil.example': ",
		"Password for 'https://bot@evil.example': ",
		"Password for 'https://stranger@good.example': ",
		"Password for 'https://good.example': ",
		// A user name with a slash, as git before 2.45.3 printed it.
		"Password for 'https://good.example/@evil.example': ",
		"Password for 'https://bot@good.example/@evil.example': ",
		"Password for 'https://x@app.example/@evil.example': ",
		"Password for 'https://x@app.example@evil.example': ",
		"Password for 'https://app.example/x@evil.example': ",
		"Username for 'https://good.example\nhost=evil.example': ",
		"Enter passphrase for key '/etc/git-secret/ssh': ",
		"Password for 'https://bot@good.example",
	} {
		if got, ok := ask(t, entries, prompt); ok {
			t.Errorf("%q was answered with %q", prompt, got)
		}
	}
}

// FuzzPrompt checks that a secret goes nowhere but to its host, whatever is in the URL that a
// hostile repository makes git ask for.
func FuzzPrompt(f *testing.F) {
	f.Add("bot", "good.example", "", true)
	f.Add("good.example/", "evil.example", "x", false)
	f.Add("bot@good.example/", "evil.example", "@", false)
	f.Add("x@app.example", "evil.example", "/", true)
	f.Fuzz(func(t *testing.T, user, host, path string, encoded bool) {
		if strings.ContainsAny(host, "/@'\"") || host == "" { // curl takes no such host
			return
		}
		entries := []entry{
			{Base: "https://good.example", User: "bot", Pass: "secret"},
			{Base: "https://app.example", User: tokenUser, Pass: "token", AnyUser: true},
		}
		// What git prints: see credential_describe in its credential.c, now and before 2.45.3.
		shown := user
		if encoded {
			shown = percentEncode(user)
		}
		target := "https://" + shown + "@" + host
		if path != "" {
			target += "/" + path
		}
		if user == "" {
			return
		}
		answer, ok := ask(t, entries, "Password for '"+target+"': ")
		if !ok {
			return
		}
		where := canonicalHost("https", host)
		if answer == "secret" && where != "good.example" || answer == "token" && where != "app.example" {
			t.Errorf("%q went to %q", answer, host)
		}
	})
}

func TestHelper(t *testing.T) {
	var out, errs strings.Builder
	if _, handled := Helper([]string{"PATH=/bin"}, []string{"--repo=x"}, &out, &errs); handled {
		t.Error("an ordinary start was taken for a helper's")
	}
	env := []string{askpassVariable + `=[{"base":"https://h","user":"u","pass":"p"}]`}
	if code, handled := Helper(env, []string{"Password for 'https://u@h': "}, &out, &errs); !handled || code != 0 || out.String() != "p\n" {
		t.Errorf("got %d %v %q", code, handled, out.String())
	}
	if code, handled := Helper(env, nil, &out, &errs); !handled || code == 0 {
		t.Errorf("without a prompt: got %d %v", code, handled)
	}
	if code, handled := Helper([]string{sshVariable + "={}", "PATH=" + t.TempDir()}, []string{"host", "git-upload-pack 'x'"}, &out, &errs); !handled || code != 127 {
		t.Errorf("without ssh: got %d %v", code, handled)
	}
	if !strings.Contains(errs.String(), "ssh is not installed") {
		t.Errorf("stderr: %q", errs.String())
	}
}

func TestPercentEncode(t *testing.T) {
	for _, s := range []string{"", "plain-._~", "a b", "a/b@c:d", "ümlaut", "\x00\xff"} {
		if back, err := url.PathUnescape(percentEncode(s)); err != nil || back != s {
			t.Errorf("%q became %q (%v)", s, back, err)
		}
	}
}
