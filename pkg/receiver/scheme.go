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
	// begin looks at the proof before the body is read; nil: no body can make it hold.
	begin func(value string, h http.Header, secret []byte) proof
}

// proof says, in constant time, whether a sender of the body knows the secret.
type proof func(body []byte) bool

// proofs collects what a delivery offers; unsigned says that it offers nothing at all. A forge without a secret may
// send its headers empty.
func proofs(schemes []scheme, h http.Header, secret []byte) (offered []proof, unsigned bool) {
	unsigned = true
	for _, s := range schemes {
		values := h.Values(s.header)
		if len(values) == 0 || len(values) == 1 && values[0] == "" {
			continue
		}
		unsigned = false
		if len(values) > 1 {
			continue // a proxy in between may have looked at either of them
		}
		if p := s.begin(values[0], h, secret); p != nil {
			offered = append(offered, p)
		}
	}
	return offered, unsigned
}

// proven is the proof that needed no body.
func proven([]byte) bool { return true }

// hmacProof holds when one of the digests is the HMAC of prefix and body.
func hmacProof(newHash func() hash.Hash, secret []byte, prefix string, digests [][]byte) proof {
	return func(body []byte) bool {
		mac := hmac.New(newHash, secret)
		mac.Write([]byte(prefix))
		mac.Write(body)
		sum, found := mac.Sum(nil), 0
		for _, digest := range digests {
			found |= subtle.ConstantTimeCompare(sum, digest)
		}
		return found == 1
	}
}

// hexHMAC is the HMAC of the raw body in hexadecimal digits, after a prefix that names the hash.
func hexHMAC(header, prefix string, newHash func() hash.Hash) scheme {
	return scheme{header: header, begin: func(value string, _ http.Header, secret []byte) proof {
		digest, ok := strings.CutPrefix(value, prefix)
		want, err := hex.DecodeString(digest)
		if !ok || err != nil || len(want) != newHash().Size() {
			return nil
		}
		return hmacProof(newHash, secret, "", [][]byte{want})
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
		if !same([]byte(value), secret) {
			return nil
		}
		return proven
	}}
}

// bearer is the secret after the word Bearer.
func bearer() scheme {
	return scheme{header: "Authorization", begin: func(value string, _ http.Header, secret []byte) proof {
		token, ok := cutWord(value, "Bearer")
		if !ok || !same([]byte(token), secret) {
			return nil
		}
		return proven
	}}
}

// basicPassword is the secret as the password of any user, or as "user:password" in whole.
func basicPassword() scheme {
	return scheme{header: "Authorization", begin: func(value string, _ http.Header, secret []byte) proof {
		encoded, ok := cutWord(value, "Basic")
		if !ok {
			return nil
		}
		pair, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil
		}
		_, password, ok := strings.Cut(string(pair), ":")
		whole, alone := same(pair, secret), same([]byte(password), secret)
		if !ok || !whole && !alone {
			return nil
		}
		return proven
	}}
}

// standardWebhook is the scheme of standardwebhooks.com, which newer GitLabs speak when
// they were given a signing token: HMAC-SHA256 of "id.timestamp.body" in base64, under a
// key that is written whsec_<base64>. There may be several signatures, while a sender
// changes its key. The age of the timestamp does not matter: a replay can cause a poll
// and nothing else, but a wrong clock would lose pushes.
func standardWebhook() scheme {
	const key, version = "whsec_", "v1,"
	return scheme{header: "Webhook-Signature", begin: func(value string, h http.Header, secret []byte) proof {
		if encoded, ok := strings.CutPrefix(string(secret), key); ok {
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil
			}
			secret = decoded
		}
		var digests [][]byte
		for signature := range strings.FieldsSeq(value) {
			encoded, ok := strings.CutPrefix(signature, version)
			if !ok {
				continue
			}
			if digest, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(digest) == sha256.Size {
				digests = append(digests, digest)
			}
		}
		id, at := h.Values("Webhook-Id"), h.Values("Webhook-Timestamp")
		if len(digests) == 0 || len(id) != 1 || len(at) != 1 {
			return nil
		}
		return hmacProof(sha256.New, secret, id[0]+"."+at[0]+".", digests)
	}}
}

// same compares in a time that tells neither how much of the two is equal nor how long the secret is.
func same(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cutWord takes an authentication scheme's name, in any case, off a header.
func cutWord(value, word string) (string, bool) {
	name, rest, ok := strings.Cut(value, " ")
	return strings.TrimSpace(rest), ok && strings.EqualFold(name, word)
}
