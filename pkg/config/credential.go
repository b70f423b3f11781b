package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"git-sync/pkg/auth"
	"git-sync/pkg/secret"
)

// rawCredential is a credential as it is written.
type rawCredential struct {
	URL          string  `json:"url"`
	Username     string  `json:"username"`
	Password     *string `json:"password"`
	PasswordFile *string `json:"password-file"`
	SSHKeyFile   *string `json:"ssh-key-file"`
}

// parseCredentials reads one JSON object, or a list of them. Its errors do not repeat what was given.
func parseCredentials(s string) ([]auth.Credential, error) {
	var raw []rawCredential
	var err error
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		err = decode(s, &raw)
	} else {
		raw = make([]rawCredential, 1)
		err = decode(s, &raw[0])
	}
	if err != nil {
		return nil, err
	}
	list := make([]auth.Credential, 0, len(raw))
	for i, r := range raw {
		c, err := r.credential()
		if err != nil {
			if len(raw) > 1 {
				return nil, wrong(fmt.Sprintf("credential %d of %d: %v", i+1, len(raw), err), hintOf(err))
			}
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// decode reads exactly one JSON value, and says what is wrong with it without repeating any of it.
func decode(s string, into any) error {
	const hint = `write {"url": "https://example.com", "username": "me", "password-file": "/etc/git-secret/password"}`
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
	case errors.As(err, &kind) && kind.Field != "":
		return wrong(fmt.Sprintf("%q is of type %s, where a string is needed", kind.Field, kind.Value), hint)
	case errors.As(err, &kind):
		return wrong(fmt.Sprintf("is of type %s, where an object is needed", kind.Value), hint)
	case strings.Contains(err.Error(), "unknown field"):
		return wrong("has an unknown field", "there are url, username, password, password-file and ssh-key-file")
	case errors.As(err, &syntax):
		return wrong(fmt.Sprintf("is not valid JSON (at byte %d)", syntax.Offset), hint)
	default:
		return wrong("is not valid JSON: it ends too early", hint)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrong("something stands behind the JSON value", "several credentials go into a list: [{...}, {...}]")
	}
	return nil
}

// credential checks what was written.
func (r rawCredential) credential() (auth.Credential, error) {
	c := auth.Credential{URL: r.URL, Username: r.Username}
	switch {
	case r.URL == "":
		return c, wrong("url is missing", "")
	case likeOption(r.URL), hasControl(r.URL):
		return c, wrong("url is not a URL", "")
	case r.SSHKeyFile != nil:
		return r.key()
	case checkHTTPURL(r.URL) != nil:
		return c, wrong("url is not an http or https URL", "an ssh URL takes an ssh-key-file instead of username and password")
	case strings.Contains(authority(r.URL), "@"):
		return c, wrong("url holds a user or password of its own", "they go into username and password")
	case r.Username == "":
		return c, wrong("username is missing", "with a token, most forges take any name")
	case r.Password == nil && r.PasswordFile == nil:
		return c, wrong("password or password-file is missing", "")
	case r.Password != nil && r.PasswordFile != nil:
		return c, wrong("password and password-file cannot both be there", "")
	case hasControl(r.Username), r.Password != nil && hasControl(*r.Password):
		return c, wrong("username or password holds a control character", "")
	}
	if r.Password != nil {
		c.Password = secret.Text(*r.Password)
	} else {
		c.PasswordFile = *r.PasswordFile
		if c.PasswordFile == "" || hasControl(c.PasswordFile) {
			return c, wrong("password-file is not a path", "")
		}
	}
	return c, nil
}

// key checks a credential that is an SSH key.
func (r rawCredential) key() (auth.Credential, error) {
	c := auth.Credential{URL: r.URL, SSHKeyFile: *r.SSHKeyFile}
	switch {
	case !isSSHURL(r.URL):
		return c, wrong("url is not an ssh URL", "ssh-key-file is for ssh://user@host/path and user@host:path")
	case r.Username != "" || r.Password != nil || r.PasswordFile != nil:
		return c, wrong("ssh-key-file cannot be combined with username or password", "the user of an ssh URL is part of it")
	case c.SSHKeyFile == "" || hasControl(c.SSHKeyFile):
		return c, wrong("ssh-key-file is not a path", "")
	}
	return c, nil
}

// isSSHURL knows ssh://... and what scp understands: a colon before the first slash.
func isSSHURL(s string) bool {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return strings.EqualFold(scheme, "ssh") && authority("ssh://"+rest) != ""
	}
	host, _, ok := strings.Cut(s, ":")
	return ok && host != "" && !strings.Contains(host, "/")
}

// authority is the part of a URL that names user and host.
func authority(s string) string {
	_, rest, _ := strings.Cut(s, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
