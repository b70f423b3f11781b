package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"git-sync/pkg/advice"
	"git-sync/pkg/auth"
	"git-sync/pkg/git"
)

// parseCredentials parses one JSON object, or a list of them. Its errors do not repeat the input.
func parseCredentials(s string) ([]auth.Credential, error) {
	if !strings.HasPrefix(strings.TrimSpace(s), "[") {
		s = "[" + s + "]"
	}
	var list []auth.Credential
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	err := d.Decode(&list)
	if _, more := d.Token(); err != nil || !errors.Is(more, io.EOF) {
		return nil, wrong("is not a JSON object, or a list of them, with the fields url, username, password, password-file and ssh-key-file",
			`write {"url": "https://example.com", "username": "me", "password-file": "/etc/git-secret/password"}`)
	}
	for i, c := range list {
		if err := checkCredential(c); err != nil {
			return nil, wrong(fmt.Sprintf("credential %d of %d: %v", i+1, len(list), err), advice.Hint(err))
		}
	}
	return list, nil
}

// checkCredential returns an error if a credential cannot be used.
func checkCredential(c auth.Credential) error {
	password := c.Password.Reveal()
	key, http := c.SSHKeyFile != "", checkHTTPURL(c.URL) == nil
	_, ssh := git.ParseSSH(c.URL)
	switch {
	case likeOption(c.URL), hasControl(c.URL + c.Username + password + c.PasswordFile + c.SSHKeyFile):
		return wrong("contains a control character, or a URL that begins with -", "")
	case key && !ssh:
		return wrong("url is not an ssh URL", "ssh-key-file is for ssh://user@host/path and user@host:path")
	case key && c.Username+password+c.PasswordFile != "":
		return wrong("ssh-key-file cannot be combined with username or password", "the user of an ssh URL is part of it")
	case !key && !http:
		return wrong("url is not an http or https URL", "an ssh URL takes an ssh-key-file instead of username and password")
	case http && parsedURL(c.URL).User != nil:
		return wrong("url contains a user or password", "they go into username and password")
	case http && c.Username == "":
		return wrong("username is missing", "with a token, most forges take any name")
	case http && (password == "") == (c.PasswordFile == ""):
		return wrong("needs either password or password-file", "")
	}
	return nil
}
