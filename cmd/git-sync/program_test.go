package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"git-sync/test/gitserver"
	"git-sync/test/harness"
)

// stopPatience is how long the program may take to stop.
const stopPatience = 2 * time.Second

// asProgram makes the test binary be the program, as do the variables by which git's helper is run.
const asProgram = "RUN_TEST_BINARY_AS_GIT_SYNC"

func TestMain(m *testing.M) {
	helper := slices.ContainsFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GITSYNC_INTERNAL_") })
	if helper || os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// setup is how a program is started.
type setup struct {
	env  []string // beside PATH, HOME and TMPDIR
	args []string
	path string   // default: this test binary
	with []string // a command that is to run the program, such as unshare
}

// start runs git-sync; it is killed at the end of the test if it still runs.
func start(t *testing.T, s setup) *harness.Program {
	t.Helper()
	if s.path == "" {
		var err error
		if s.path, err = os.Executable(); err != nil {
			t.Fatal(err)
		}
	}
	return harness.Start(t, harness.Command{Path: s.path, With: s.with, Args: s.args, Env: append(s.env, asProgram+"=1")})
}

// upstream is an upstream with one commit, served over HTTP.
type upstream struct {
	*gitserver.Server
	repo *gitserver.Repo
	url  string
}

func newRemote(t *testing.T) upstream {
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"file": "one"})
	s := gitserver.HTTP(t, r)
	return upstream{Server: s, repo: r, url: s.RepoURL(r)}
}

// content is what a published file holds, "" if there is none.
func content(root, file string) string {
	b, err := os.ReadFile(filepath.Join(root, "link", file))
	if err != nil {
		return ""
	}
	return string(b)
}

// published waits until the published file holds that.
func published(t *testing.T, root, want string) {
	t.Helper()
	harness.Until(t, fmt.Sprintf("%q to be published", want), func() bool { return content(root, "file") == want })
}

// args are the options that every run has, and more.
func args(url, root string, more ...string) []string {
	return append([]string{"--repo=" + url, "--root=" + root, "--link=link", "--log-format=json"}, more...)
}

// status is the status of the answer to a GET, 0 when there is none.
func status(url string) int {
	code, _ := harness.Get(url)
	return code
}

// family are the process IDs of all that descend from pid now.
func family(pid int) []int {
	parents := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			if parent, _ := parentAndState(id); parent > 0 {
				parents[parent] = append(parents[parent], id)
			}
		}
	}
	var all []int
	for next := parents[pid]; len(next) > 0; {
		var below []int
		for _, id := range next {
			below = append(below, parents[id]...)
		}
		all = append(all, next...)
		next = below
	}
	return all
}

// parentAndState reads /proc/<pid>/stat: "pid (name) state parent ...".
func parentAndState(pid int) (parent int, state string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	_, rest, _ := strings.Cut(string(b[bytes.LastIndexByte(b, ')'):]), " ")
	fields := strings.Fields(rest)
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}

// gone waits until none of the processes is left.
func gone(t *testing.T, pids []int) {
	t.Helper()
	harness.Until(t, fmt.Sprintf("the end of processes %v", pids), func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool {
			_, state := parentAndState(pid)
			return state != "" && state != "Z" // a zombie is its new parent's business
		})
	})
}

// script writes an executable shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	harness.Executable(t, path, "#!/bin/sh\n"+text+"\n")
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
