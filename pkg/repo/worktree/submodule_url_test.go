package worktree

import "testing"

func TestModuleURL(t *testing.T) {
	for _, c := range []struct{ parent, sub, want string }{
		{"file:///srv/git/a.git", "../b.git", "file:///srv/git/b.git"},
		{"https://example.com/x/a.git", "../b.git", "https://example.com/x/b.git"},
		{"https://example.com/x/a.git?k=v", "../../b.git", "https://example.com/b.git"},
		{"ssh://git@example.com:22/x/a.git/", "../b.git", "ssh://git@example.com:22/x/b.git"},
		{"git@example.com:x/a.git", "../b.git", "git@example.com:x/b.git"},
		{"git@example.com:a.git", "../b.git", "git@example.com:b.git"},
		{"/srv/git/a.git", "../b.git", "/srv/git/b.git"},
		{"https://example.com/a.git", "./b.git", "https://example.com/a.git/b.git"},
		{"https://example.com/a.git", "https://other.example/b.git", "https://other.example/b.git"},
	} {
		if got, err := moduleURL(c.parent, c.sub); err != nil || got != c.want {
			t.Errorf("%s in %s: %q, %v, want %q", c.sub, c.parent, got, err, c.want)
		}
	}
	if got, err := moduleURL("https://example.com/a.git", "../../b.git"); err == nil {
		t.Errorf("above the host: %q", got)
	}
}
