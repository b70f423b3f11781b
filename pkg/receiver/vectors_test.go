package receiver

import (
	"net/http"
	"slices"
	"testing"
)

// TestDocumentedVectors holds the signatures that are printed in documentations, so that
// nobody's idea of the scheme but the forge's own counts.
func TestDocumentedVectors(t *testing.T) {
	const everybody = "It's a Secret to Everybody"
	for _, tc := range []struct {
		name, forge, secret, body string
		headers                   map[string]string
	}{
		{
			name: "GitHub, Validating webhook deliveries", forge: "github", secret: everybody, body: "Hello, World!",
			headers: map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		},
		{
			name: "Bitbucket Cloud, Manage webhooks", forge: "bitbucket-cloud", secret: everybody, body: "Hello World!",
			headers: map[string]string{"X-Hub-Signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"},
		},
		{
			name: "Standard Webhooks", forge: "gitlab", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body: `{"test": 2432232314}`,
			headers: map[string]string{
				"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330",
				"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range tc.headers {
				h.Set(k, v)
			}
			if !proves(row(t, tc.forge), h, tc.secret, tc.body) {
				t.Error("the documented signature was refused")
			}
			if proves(row(t, tc.forge), h, tc.secret, tc.body+" ") {
				t.Error("another body was taken")
			}
			if proves(row(t, tc.forge), h, tc.secret+"A", tc.body) {
				t.Error("another secret was taken")
			}
		})
	}
}

// proves runs a forge's schemes over a whole body.
func proves(f *forge, h http.Header, secret, body string) bool {
	return slices.ContainsFunc(f.proofs(h, []byte(secret)), func(p proof) bool { return p([]byte(body)) })
}

func row(t testing.TB, name string) *forge {
	t.Helper()
	for _, f := range forges() {
		if f.name == name {
			return &f
		}
	}
	t.Fatalf("no forge %s", name)
	return nil
}
