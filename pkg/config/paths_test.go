package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestPaths gives every path that is relative to the working directory. A field of a new option that is empty or relative fails.
func TestPaths(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--git=bin/../git", "--repo=repo/../x", "--root=x/../root", "--error-file=e", "--touch-file=y", "--ssh-key-file=key", "--ssh-key-file=/key",
		`--credential={"url":"https://h","username":"u","password-file":"x/../p"}`, `--credential={"url":"ssh://h/","ssh-key-file":"k"}`,
		"--sparse-checkout-file=s", "--verify=any", "--verify-keyring=k", "--verify-allowed-signers=a", "--ssh-known-hosts-file=h",
		"--receiver-bind=:1", "--receiver-secret-file=r",
	}
	s, _ := parse(t, args)
	overHTTP, _ := parse(t, []string{"--repo=https://h/r", "--username=u", "--password-file=p"})
	s.Auth.PasswordFile = overHTTP.Auth.PasswordFile
	app, _ := parse(t, []string{"--repo=https://h/r", "--github-app-private-key-file=p", "--github-app-client-id=c", "--github-app-installation-id=1"})
	s.Auth.GitHub.PrivateKeyFile = app.Auth.GitHub.PrivateKeyFile
	s.Auth.CookieFile = cookieFile
	relative := map[string]bool{"ErrorFile": true, "TouchFile": true, "Home": true} // to the root; Trust.Home is not an option
	var check func(v reflect.Value)
	check = func(v reflect.Value) {
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			isPath := strings.HasSuffix(name, "File") || name == "Root" || v.Type().Name() == "Trust"
			switch {
			case f.Kind() == reflect.Struct:
				check(f)
			case f.Kind() == reflect.String && isPath && !relative[name] && !filepath.IsAbs(f.String()):
				t.Errorf("%s is %q", name, f)
			}
		}
	}
	check(reflect.ValueOf(s.Sync))
	for got, want := range map[string]string{
		s.Git: "/bin/../git", s.URL: "/repo/../x", s.Root: "/x/../root", s.Auth.SSHKeyFiles[0]: "/key",
		s.Auth.Credentials[0].PasswordFile: "/x/../p", s.Auth.Credentials[1].SSHKeyFile: "/k",
	} {
		if got != wd+want {
			t.Errorf("%s, want %s below the working directory", got, want)
		}
	}
	if s.Auth.SSHKeyFiles[1] != "/key" {
		t.Errorf("%q", s.Auth.SSHKeyFiles)
	}
	for _, url := range []string{"https://host/x", "git@host:x", "host:x/y", "file:///x"} {
		if got, _ := parse(t, []string{"--repo=" + url, "--link=l", "--git=git"}); got.URL != url || got.Git != "git" {
			t.Errorf("%s becomes %s; git: %s", url, got.URL, got.Git)
		}
	}
}
