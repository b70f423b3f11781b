package script

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func cmdAwait(s script, args []string) {
	s.need(args, 2, "await link|file|gone|text|http WHAT...")
	check, ok := map[string]func([]string) error{
		"link": s.isLink, "file": s.isThere, "gone": s.isGone, "text": s.hasText, "http": s.answers,
	}[args[0]]
	if !ok {
		s.Fatalf("await: unknown condition %q", args[0])
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	often := time.NewTicker(20 * time.Millisecond)
	defer often.Stop()
	for {
		err := check(args[1:])
		if err == nil {
			return
		}
		select {
		case <-often.C:
		case <-deadline.C:
			s.Logf("%s", s.logs())
			s.Fatalf("await %s: %v", strings.Join(args, " "), err)
		}
	}
}

// logs is what the programs that run beside the script have said.
func (s script) logs() string {
	var b strings.Builder
	for id := range s.children {
		fmt.Fprintf(&b, "[%s.log]\n%s", id, s.ReadFile(id+".log"))
	}
	return b.String()
}

func cmdLink(s script, args []string) {
	s.need(args, 2, "link PATH TARGET")
	s.Check(s.isLink(args))
}

func (s script) isLink(args []string) error {
	s.need(args, 2, "await link PATH TARGET")
	got, err := os.Readlink(s.MkAbs(args[0]))
	if err == nil && got != args[1] {
		err = fmt.Errorf("%s -> %s, want %s", args[0], got, args[1])
	}
	return err
}

func (s script) isThere(args []string) error {
	_, err := os.Stat(s.MkAbs(args[0]))
	return err
}

func (s script) isGone(args []string) error {
	if _, err := os.Lstat(s.MkAbs(args[0])); err == nil {
		return fmt.Errorf("%s is there", args[0])
	}
	return nil
}

func (s script) hasText(args []string) error {
	s.need(args, 2, "await text PATH REGEXP")
	b, err := os.ReadFile(s.MkAbs(args[0]))
	if err == nil && !s.regexp(args[1]).Match(b) {
		err = fmt.Errorf("%s has no %q:\n%s", args[0], args[1], b)
	}
	return err
}

func (s script) answers(args []string) error {
	s.need(args, 2, "await http URL STATUS [REGEXP]")
	req, err := http.NewRequest(http.MethodGet, args[0], nil)
	if err != nil {
		return err
	}
	return s.asked(req, args[1:])
}

// asked makes a request, whose answer must have the status args[0] and, if there is an args[1], text that matches it.
func (s script) asked(req *http.Request, args []string) error {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if strconv.Itoa(resp.StatusCode) != args[0] {
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	if len(args) > 1 && !s.regexp(args[1]).Match(body) {
		return fmt.Errorf("no %q in:\n%s", args[1], body)
	}
	return nil
}

func cmdPost(s script, args []string) {
	s.need(args, 3, "post TOKEN URL STATUS [REGEXP]")
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader("{}"))
	s.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[0])
	s.Check(s.asked(req, args[2:]))
}

func (s script) regexp(text string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + text)
	s.Check(err)
	return re
}

func cmdFree(s script, args []string) {
	s.need(args, 1, "free NAME")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.Check(err)
	s.Setenv(args[0], l.Addr().String())
	s.Check(l.Close())
}
