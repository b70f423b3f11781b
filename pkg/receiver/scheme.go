package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
)

// scheme is a way to prove that a sender knows the secret.
type scheme struct {
	// header is where the proof is; a delivery without it does not use this scheme.
	header string
	// weak schemes count only where they were asked for.
	weak bool
	// begin looks at the proof before the body is read.
	begin func(value string, h http.Header, secret []byte) proof
}

// proof is a claim on its way to be checked: false or true at once, or with the body's last byte.
type proof struct {
	ok   bool
	mac  hash.Hash // nil: nothing in the body matters
	want [][]byte  // digests of which one must be mac's
}

// holds is to be asked when the whole body has been written to mac.
func (p proof) holds() bool {
	if p.mac == nil {
		return p.ok
	}
	sum := p.mac.Sum(nil)
	found := 0
	for _, want := range p.want {
		found |= subtle.ConstantTimeCompare(sum, want)
	}
	return found == 1
}

// hopeless says that no body can make the proof hold.
func (p proof) hopeless() bool { return p.mac == nil && !p.ok }

// proofs collects what a delivery offers; unsigned says that it offers nothing at all.
func proofs(schemes []scheme, h http.Header, secret []byte) (offered []proof, unsigned bool) {
	unsigned = true
	for _, s := range schemes {
		values := h.Values(s.header)
		if len(values) == 0 {
			continue
		}
		unsigned = false
		if len(values) > 1 {
			continue // which of them a proxy in between looked at, nobody knows
		}
		if p := s.begin(values[0], h, secret); !p.hopeless() {
			offered = append(offered, p)
		}
	}
	return offered, unsigned
}

// hexHMAC is the HMAC of the raw body in hexadecimal digits, after a prefix that names the hash.
func hexHMAC(header, prefix string, newHash func() hash.Hash) scheme {
	return scheme{header: header, begin: func(value string, _ http.Header, secret []byte) proof {
		digest, ok := strings.CutPrefix(value, prefix)
		if !ok {
			return proof{}
		}
		mac := hmac.New(newHash, secret)
		want, err := hex.DecodeString(digest)
		if err != nil || len(want) != mac.Size() {
			return proof{}
		}
		return proof{mac: mac, want: [][]byte{want}}
	}}
}

// onlyIfAllowed marks a scheme as weak.
func onlyIfAllowed(s scheme) scheme {
	s.weak = true
	return s
}

// token is the secret itself in a header.
func token(header string) scheme {
	return scheme{header: header, begin: func(value string, _ http.Header, secret []byte) proof {
		return proof{ok: same([]byte(value), secret)}
	}}
}

// bearer is the secret after the word Bearer.
func bearer() scheme {
	return scheme{header: "Authorization", begin: func(value string, _ http.Header, secret []byte) proof {
		token, ok := cutWord(value, "Bearer")
		return proof{ok: ok && same([]byte(token), secret)}
	}}
}

// basicPassword is the secret as the password of whatever user, or as "user:password" in whole.
func basicPassword() scheme {
	return scheme{header: "Authorization", begin: func(value string, _ http.Header, secret []byte) proof {
		encoded, ok := cutWord(value, "Basic")
		if !ok {
			return proof{}
		}
		pair, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return proof{}
		}
		_, password, ok := strings.Cut(string(pair), ":")
		whole, alone := same(pair, secret), same([]byte(password), secret)
		return proof{ok: ok && (whole || alone)}
	}}
}

// standardWebhook is the scheme of standardwebhooks.com, which newer GitLabs speak when
// they were given a signing token: HMAC-SHA256 of "id.timestamp.body" in base64, under a
// key that is written whsec_<base64>. There may be several signatures, while a sender
// changes its key. The age of the timestamp is not looked at: a replay can cause a poll
// and nothing else, but a wrong clock would lose pushes.
func standardWebhook() scheme {
	const key, version = "whsec_", "v1,"
	return scheme{header: "Webhook-Signature", begin: func(value string, h http.Header, secret []byte) proof {
		if encoded, ok := strings.CutPrefix(string(secret), key); ok {
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return proof{}
			}
			secret = decoded
		}
		p := proof{mac: hmac.New(sha256.New, secret)}
		for signature := range strings.FieldsSeq(value) {
			encoded, ok := strings.CutPrefix(signature, version)
			if !ok {
				continue
			}
			if want, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(want) == p.mac.Size() {
				p.want = append(p.want, want)
			}
		}
		id, at := h.Values("Webhook-Id"), h.Values("Webhook-Timestamp")
		if len(p.want) == 0 || len(id) != 1 || len(at) != 1 {
			return proof{}
		}
		p.mac.Write([]byte(id[0] + "." + at[0] + "."))
		return p
	}}
}

// same compares in a time that tells neither how much of the two is equal nor how long the secret is.
func same(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cutWord takes an authentication scheme's name, in whatever case, off a header.
func cutWord(value, word string) (string, bool) {
	name, rest, ok := strings.Cut(value, " ")
	return strings.TrimSpace(rest), ok && strings.EqualFold(name, word)
}
