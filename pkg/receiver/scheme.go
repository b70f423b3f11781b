package receiver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// scheme is a way to prove that a sender knows the secret.
type scheme struct {
	// header contains the proof. A delivery without it does not use this scheme.
	header string
	// begin checks the proof before the body is read. It returns nil if the proof is wrong for every body.
	begin func(value string, h http.Header, secret []byte) proof
}

// proof reports, in constant time, whether the sender of a body knows the secret.
type proof func(body []byte) bool

// claim says that the sender knows a secret, which several targets may share.
type claim struct {
	secret  string
	targets []Target
	proofs  []proof // one valid proof is enough
}

// verify reads the body, and returns the targets whose secret the sender knows.
func (h *handler) verify(f *forge, w http.ResponseWriter, req *http.Request, targets []Target) ([]Target, []byte, error) {
	claims, err := h.claims(f, req.Header, targets)
	if err != nil {
		return nil, nil, err
	}
	body, err := readBody(w, req)
	if err != nil {
		return nil, nil, err
	}
	signed := [][]byte{body}
	if f.signsJSON {
		if payload, err := unwrap(req.Header, body); err == nil {
			signed = append(signed, payload)
		}
	}
	var proved []Target
	for _, c := range claims {
		holds := func(p proof) bool { return slices.ContainsFunc(signed, p) }
		if slices.ContainsFunc(c.proofs, holds) {
			proved = append(proved, c.targets...)
		}
	}
	if len(proved) == 0 {
		return nil, nil, errProof
	}
	return proved, body, nil
}

// claims returns what a delivery may prove, one claim for each secret. If the delivery cannot prove anything with any
// body, the error is its answer.
func (h *handler) claims(f *forge, header http.Header, targets []Target) ([]claim, error) {
	if !slices.ContainsFunc(f.schemes, func(s scheme) bool { return strings.TrimPrefix(header.Get(s.header), "sha256=") != "" }) {
		return nil, f.unsigned() // a forge without a secret may send empty headers
	}
	var claims []claim
	refused := errProof
	for _, t := range targets {
		secret, err := t.secret()
		if err != nil {
			h.Log.Error(err, "reading the receiver's secret failed")
			refused = answer{http.StatusServiceUnavailable, Failed, err.Error()}
			continue
		}
		i := slices.IndexFunc(claims, func(c claim) bool { return c.secret == string(secret) })
		if i < 0 {
			i = len(claims)
			claims = append(claims, claim{secret: string(secret), proofs: f.proofs(header, secret)})
		}
		claims[i].targets = append(claims[i].targets, t)
	}
	if !slices.ContainsFunc(claims, func(c claim) bool { return len(c.proofs) > 0 }) {
		return nil, refused
	}
	return claims, nil
}

// unsigned returns the answer to a delivery without any proof.
func (f *forge) unsigned() answer {
	var headers []string
	for _, s := range f.schemes {
		headers = append(headers, s.header)
	}
	return answer{http.StatusUnauthorized, Refused, "it is not signed: it has no " + strings.Join(headers, " or ") + "; give the forge the secret"}
}

// proofs returns the proofs that a delivery offers for a secret.
func (f *forge) proofs(h http.Header, secret []byte) (offered []proof) {
	for _, s := range f.schemes {
		values := h.Values(s.header)
		if len(values) != 1 {
			continue // if there are several values, a proxy may have checked another one
		}
		if p := s.begin(values[0], h, secret); p != nil {
			offered = append(offered, p)
		}
	}
	return offered
}

// hmacProof is valid if one of the digests is the HMAC-SHA256 of prefix and body.
func hmacProof(secret []byte, prefix string, digests ...[]byte) proof {
	return func(body []byte) bool {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(prefix))
		mac.Write(body)
		sum := mac.Sum(nil)
		return slices.ContainsFunc(digests, func(digest []byte) bool { return hmac.Equal(sum, digest) })
	}
}

// hexHMAC is the HMAC-SHA256 of the raw body in hex, after a prefix that names the hash.
func hexHMAC(header, prefix string) scheme {
	return scheme{header, func(value string, _ http.Header, secret []byte) proof {
		digits, ok := strings.CutPrefix(value, prefix)
		digest, err := hex.DecodeString(digits)
		if !ok || err != nil || len(digest) != sha256.Size {
			return nil
		}
		return hmacProof(secret, "", digest)
	}}
}

// secretIn is the secret itself in a header; read returns its possible values.
func secretIn(header string, read func(value string) []string) scheme {
	return scheme{header, func(value string, _ http.Header, secret []byte) proof {
		if !slices.ContainsFunc(read(value), func(text string) bool { return same([]byte(text), secret) }) {
			return nil
		}
		return func([]byte) bool { return true }
	}}
}

func wholeHeader(value string) []string { return []string{value} }

func bearerToken(value string) []string {
	name, token, _ := strings.Cut(value, " ")
	if !strings.EqualFold(name, "Bearer") {
		return nil
	}
	return []string{strings.TrimSpace(token)}
}

// basicPassword returns the password of any user, and "user:password", in case that is the secret.
func basicPassword(value string) []string {
	req := http.Request{Header: http.Header{"Authorization": {value}}}
	user, password, ok := req.BasicAuth()
	if !ok {
		return nil
	}
	return []string{password, user + ":" + password}
}

// standardWebhook is the scheme of standardwebhooks.com, which GitLab uses with a signing token: HMAC-SHA256 of
// "id.timestamp.body" in base64, with a key that is written whsec_<base64>. A sender that changes its key sends several
// signatures. The age of the timestamp is not checked: a replay only causes a poll, but a wrong clock would lose pushes.
func standardWebhook() scheme {
	return scheme{"Webhook-Signature", func(value string, h http.Header, secret []byte) proof {
		if encoded, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
			decoded, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				return nil
			}
			secret = decoded
		}
		var digests [][]byte
		for signature := range strings.FieldsSeq(value) {
			encoded, ok := strings.CutPrefix(signature, "v1,")
			digest, err := base64.StdEncoding.DecodeString(encoded)
			if ok && err == nil && len(digest) == sha256.Size {
				digests = append(digests, digest)
			}
		}
		id, at := h.Values("Webhook-Id"), h.Values("Webhook-Timestamp")
		if len(digests) == 0 || len(id) != 1 || len(at) != 1 {
			return nil
		}
		return hmacProof(secret, id[0]+"."+at[0]+".", digests...)
	}}
}

// same compares in a time that depends neither on the common prefix nor on the length of the secret.
func same(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return hmac.Equal(x[:], y[:])
}
