package git

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"git-sync/pkg/proc"
)

// TestTroubleshooting compares the lines of docs/troubleshooting.md with what is printed for
// what the servers, ssh and git-lfs of the other tests have said.
func TestTroubleshooting(t *testing.T) {
	b, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "## What the server and helper programs say\n")
	section, _, _ = strings.Cut(section, "\n## ")
	const unread = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"
	lfs := func(said string) string {
		return "Downloading a.bin (13 B)\nError downloading object: a.bin (b40f7e9): Smudge error: " + said +
			"\n\nErrors logged to '/git/.git/lfs/logs/1.log'.\nUse `git lfs logs last` to view the log.\nerror: external filter 'git-lfs filter-process' failed\nfatal: a.bin: smudge filter lfs failed\n"
	}
	var printed []string
	for _, c := range []struct {
		cmd    *Command
		stderr string
	}{
		{Cmd("fetch", "git@h:x"), "ERROR: Repository not found.\n" + unread},
		{Cmd("fetch", "git@h:x"), "Forgejo: Unauthorized\nPublic (Deploy) Key: 3:ci is not authorized to read acme/site.\n" + unread},
		{Cmd("fetch", "git@h:x"), "ERROR: The `acme' organization has enabled or enforced SAML SSO.\nTo access\nthis repository, …\n" + unread},
		{Cmd("read-tree"), lfs("[b40f] Object does not exist: [404] Object does not exist")},
		{Cmd("read-tree"), lfs("batch response: This repository is over its data quota.")},
		{Cmd("read-tree"), lfs("batch response: Authentication required: Authorization error: https://h/lfs/objects/batch")},
		{Cmd("fetch", "https://h/x"), "error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred the last 60 seconds\nfatal: expected flush after ref listing\n"},
		{Cmd("fetch", "https://h/x"), "fatal: unable to update url base from redirection:\n  asked for: https://h/x/info/refs?service=git-upload-pack\n   redirect: https://h/login\n"},
		{Cmd("fetch", "/srv/x"), "fatal: detected dubious ownership in repository at '/srv/x'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /srv/x\n" + unread},
		{Cmd("fetch", "https://h/x"), "fatal: dumb http transport does not support shallow capabilities\n"},
	} {
		printed = append(printed, failure(c.cmd, &proc.Error{ExitCode: 128, Stderr: c.stderr}).Error())
	}
	printed = append(printed, failure(Cmd("fetch"), &proc.Error{ExitCode: -1, Canceled: true, Err: &connectError{"192.0.2.1:443", connectTimeout}}).Error())
	rows := regexp.MustCompile("(?m)^\\| `(.*?)` \\|").FindAllStringSubmatch(section, -1)
	if len(rows) != len(printed) {
		t.Errorf("%d rows for %d errors", len(rows), len(printed))
	}
	for i, row := range rows {
		rest := printed[i]
		for part := range strings.SplitSeq(row[1], "…") {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Fatalf("%q is printed as %q", row[1], printed[i])
			}
			rest = after
		}
	}
}
