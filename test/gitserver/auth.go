package gitserver

import (
	"net/http"
	"slices"
)

// Auth decides who is let in.
type Auth interface {
	Allows(*http.Request) bool
	Challenge() string // the WWW-Authenticate header of a refusal
}

type authFunc func(*http.Request) bool

func (f authFunc) Allows(r *http.Request) bool { return f(r) }
func (f authFunc) Challenge() string           { return `Basic realm="test"` }

// Basic wants this user and password.
func Basic(user, password string) Auth {
	return authFunc(func(r *http.Request) bool {
		u, p, ok := r.BasicAuth()
		return ok && u == user && p == password
	})
}

// Bearer wants this token in an Authorization header.
func Bearer(token string) Auth {
	return authFunc(func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+token })
}

// Cookie wants this cookie.
func Cookie(name, value string) Auth {
	return authFunc(func(r *http.Request) bool {
		c, err := r.Cookie(name)
		return err == nil && c.Value == value
	})
}

// Header wants this header.
func Header(name, value string) Auth {
	return authFunc(func(r *http.Request) bool { return slices.Contains(r.Header.Values(name), value) })
}

// AnyOf lets in whom one of them lets in; with none, nobody.
func AnyOf(all ...Auth) Auth {
	return authFunc(func(r *http.Request) bool {
		return slices.ContainsFunc(all, func(a Auth) bool { return a.Allows(r) })
	})
}
