package config

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
)

// takeRepo stores the URL without the user and password of an http(s) URL, which become credentials.
func (d *draft) takeRepo(in given) error {
	repo := in.value()
	if scheme, rest, ok := strings.Cut(repo, "://"); ok {
		repo = strings.ToLower(scheme) + "://" + rest // git knows its transports in lower case only
	}
	if err := checkRepo(repo); err != nil {
		return err
	}
	d.URL = repo
	if git.IsPath(d.URL) {
		d.URL = absolute(d.URL)
	}
	u := parsedURL(d.URL)
	if u.User == nil {
		return nil
	}
	d.hideUser(d.URL)
	if !isHTTP(u.Scheme) {
		return nil
	}
	d.fromURL = u.User
	u.User = nil
	d.URL = u.String()
	if _, ok := d.fromURL.Password(); ok {
		d.warnVisible(in)
	}
	return nil
}

// parsedURL parses s as a URL. For a path, or user@host:path, the result is empty.
func parsedURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return &url.URL{}
	}
	return u
}

func isHTTP(scheme string) bool {
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

// replaceShort stores a duration that is not shorter than the minimum. v3 accepted values down to 0, so values with
// the names of v3 are replaced if they are too short.
func (d *draft) replaceShort(at *time.Duration, instead time.Duration) func(given) error {
	return func(in given) error {
		if v, err := in.duration(); in.v3 && err == nil && v >= 0 && v < shortest {
			d.warn("replacing a value that is too short", "given", in.label+"="+in.value(), "used", instead.String())
			*at = instead
			return nil
		}
		return into(at, atLeast(shortest))(in)
	}
}

// takePermissions parses a mode like v3: octal with a leading 0, decimal without.
func (d *draft) takePermissions(in given) error {
	s := in.value()
	mode, err := strconv.ParseUint(s, 0, 32)
	switch {
	case err != nil:
		return wrong(quoted(s)+" is not a file mode", "write it in octal, with a leading 0: 0755")
	case mode > 0o777:
		return wrong(quoted(s)+" is more than 0777", "octal numbers have a leading 0: write 0755 for rwxr-xr-x")
	case mode != 0 && !strings.HasPrefix(s, "0"):
		d.warn("reading a file mode without a leading 0 as decimal", "option", in.label, "mode", fmt.Sprintf("%#o", mode))
	}
	d.Permissions = fs.FileMode(mode)
	return nil
}

func (d *draft) takeCookieFile(in given) error {
	on, err := asBool(in)
	if on {
		d.Auth.CookieFile = cookieFile
	}
	return err
}

// takeKeyFiles stores each occurrence of the flag, or each part of the variable, as one file.
func (d *draft) takeKeyFiles(in given) error {
	files := in.values
	if in.origin == fromVariable {
		files = strings.Split(in.value(), ":")
	}
	var kept []string
	for _, f := range files {
		if hasControl(f) {
			return wrong("contains a control character", "it is the path of a file, not the key itself")
		}
		if f != "" {
			kept = append(kept, absolute(f))
		}
	}
	if len(kept) > 0 {
		d.Auth.SSHKeyFiles = kept
	}
	return nil
}

func (d *draft) takeCredentials(in given) error {
	for _, v := range in.values {
		list, err := parseCredentials(v)
		if err != nil {
			return err
		}
		for _, c := range list {
			c.PasswordFile, c.SSHKeyFile = absolute(c.PasswordFile), absolute(c.SSHKeyFile)
			d.Auth.Credentials = append(d.Auth.Credentials, c)
		}
	}
	byURL := map[string]bool{}
	for _, c := range d.Auth.Credentials {
		if byURL[c.URL] {
			return wrong("two credentials for "+quoted(c.URL), "keep one of them")
		}
		byURL[c.URL] = true
	}
	if slices.ContainsFunc(d.Auth.Credentials, func(c auth.Credential) bool { return c.Password != "" }) {
		d.warnVisible(in)
	}
	return nil
}

func (d *draft) takeGitConfig(in given) error {
	list, err := parseGitConfig(in.value())
	d.Config = append(list, d.Config...)
	return err
}

func (d *draft) takeGitConfigAdd(in given) error {
	for _, v := range in.values {
		kv, err := parseGitSetting(v)
		if err != nil {
			return err
		}
		d.Config = append(d.Config, kv)
	}
	return nil
}

func checkOneLine(s string) error {
	if hasControl(s) {
		return wrong("contains a control character", "a file that ends with a line break can be given as --password-file")
	}
	return nil
}
