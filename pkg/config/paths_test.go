package config

import (
	"reflect"
	"strings"
	"testing"

	"git-sync/pkg/auth"
)

// TestIn sets every text field that is a path, so that one that is new and forgotten shows.
func TestIn(t *testing.T) {
	s := Sync{}
	s.URL = "repo/../x"
	s.Auth.SSHKeyFiles = []string{"key", "/absolute"}
	s.Auth.Credentials = make([]auth.Credential, 1)
	relative := map[string]bool{"ErrorFile": true, "TouchFile": true, "Home": true} // to the root; Trust.Home is no option
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			switch {
			case f.Kind() == reflect.Struct:
				fill(f)
			case f.Kind() == reflect.Slice && name == "Credentials":
				fill(f.Index(0))
			case f.Kind() == reflect.String && (strings.HasSuffix(name, "File") || name == "Root" || v.Type().Name() == "Trust"):
				f.SetString("x/../" + name)
			}
		}
	}
	fill(reflect.ValueOf(&s).Elem())
	before := s.Auth.SSHKeyFiles[0]
	got := s.In("/wd")
	var check func(v reflect.Value)
	check = func(v reflect.Value) {
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			switch {
			case f.Kind() == reflect.Struct:
				check(f)
			case f.Kind() == reflect.Slice && name == "Credentials":
				check(f.Index(0))
			case f.Kind() == reflect.String && strings.HasPrefix(f.String(), "x/") && !relative[name]:
				t.Errorf("%s stays %s", name, f)
			}
		}
	}
	check(reflect.ValueOf(got))
	if got.Root != "/wd/x/../Root" || got.URL != "/wd/repo/../x" || got.Auth.SSHKeyFiles[0] != "/wd/key" || got.Auth.SSHKeyFiles[1] != "/absolute" {
		t.Errorf("%+v", got)
	}
	if s.Auth.SSHKeyFiles[0] != before {
		t.Error("the original has changed")
	}
	for _, url := range []string{"https://host/x", "git@host:x", "host:x/y", "file:///x", ""} {
		if s.URL = url; s.In("/wd").URL != url {
			t.Errorf("%s becomes %s", url, s.In("/wd").URL)
		}
	}
}

func TestGitIn(t *testing.T) {
	for git, want := range map[string]string{"git": "git", "bin/git": "/wd/bin/git", "./git": "/wd/./git", "/usr/bin/git": "/usr/bin/git"} {
		if got := (Process{Git: git}).In("/wd").Git; got != want {
			t.Errorf("%s becomes %s, want %s", git, got, want)
		}
	}
}
