package receiver

import (
	"net/http"
	"slices"
	"testing"
)

// FuzzProof has a stranger write each header by which senders prove themselves. None of it is ever a proof.
func FuzzProof(f *testing.F) {
	for _, value := range []string{"", "sha256=", "sha256=00", "sha1=", "Bearer ", "Basic Og==", "v1,AAAA v1,", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="} {
		f.Add(value, "", "{}")
	}
	rows := forges()
	f.Fuzz(func(t *testing.T, value, other, body string) {
		for i := range rows {
			h := http.Header{"Webhook-Id": {other}, "Webhook-Timestamp": {value}}
			for _, s := range rows[i].schemes {
				h[s.header] = []string{value}
			}
			if proves(&rows[i], h, secret, body) {
				t.Errorf("%s took %q", rows[i].name, value)
			}
		}
	})
}

// FuzzHandler sends any body, rightly signed, as each forge.
func FuzzHandler(f *testing.F) {
	for _, d := range recordings(f) {
		if slices.Contains([]string{"push", "tag", "ping", "push-several"}, d.name) {
			f.Add(d.body, d.header.Get("Content-Type"))
		}
	}
	f.Add([]byte("payload=%7B%7D"), "application/x-www-form-urlencoded")
	statuses := []int{http.StatusOK, http.StatusAccepted, http.StatusBadRequest}
	all := recordings(f)
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		for _, d := range all {
			if d.name != "push" {
				continue
			}
			d.body = body
			d.header = d.header.Clone()
			d.header.Set("Content-Type", contentType)
			r := newRig(t, Target{URL: urls[d.forge], Ref: "main"})
			status, text := r.post(d.signed(secret))
			if !slices.Contains(statuses, status) || text == "" || len(text) > 2000 {
				t.Errorf("%s: %d %q", d.forge, status, text)
			}
			if (status == http.StatusAccepted) != (r.pushes == 1) {
				t.Errorf("%s: %d and %v", d.forge, status, r.pushes)
			}
		}
	})
}

// FuzzAddress takes any two addresses apart. Comparing is symmetric where host names do not come into it.
func FuzzAddress(f *testing.F) {
	for forge, url := range urls {
		f.Add(url, urls["github"])
		f.Add(forge, url)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := placeOf(a), placeOf(b)
		x.host, y.host = "", ""
		if x.same(y) != y.same(x) {
			t.Errorf("%q and %q", a, b)
		}
	})
}
