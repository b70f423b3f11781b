package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"git-sync/pkg/git"
)

// connection is a running program that is connected to the remote's git-upload-pack and answers by protocol v2
// (gitprotocol-v2(5)). Over HTTP it is git's transport helper (gitremote-helpers(7)), else ssh.
type connection struct {
	creds  git.Overlay // the credentials of the connection
	helper bool        // each answer of the helper ends with a response-end packet
	format string      // object format; empty until the server has sent its capabilities
	in     *bufio.Reader
	out    io.Writer
	silent *time.Timer // closes the connection; it runs during an exchange, and starts again with each answer
	close  func() error
}

// heard is a reader that starts a timer again when it has read something.
type heard struct {
	from  io.Reader
	timer *time.Timer
}

func (h heard) Read(b []byte) (int, error) {
	n, err := h.from.Read(b)
	if n > 0 {
		h.timer.Reset(git.MinSilence)
	}
	return n, err
}

var (
	errProtocol  = errors.New("unexpected answer")
	errOldServer = errors.New("the server does not speak protocol v2")
)

// speaksV2 reports whether to poll the remote by protocol v2.
func (r *Remote) speaksV2() bool {
	return !r.gitOnly && !r.failed && !slices.ContainsFunc(r.opts.Config, changesConnections)
}

func (r *Remote) isHTTP() bool {
	return strings.HasPrefix(r.opts.URL, "https://") || strings.HasPrefix(r.opts.URL, "http://")
}

// changesConnections reports whether kv changes how git connects, or how long it waits. Then only git itself can
// connect.
func changesConnections(kv git.KV) bool {
	key := strings.ToLower(kv.Key)
	return strings.HasSuffix(key, ".lowspeedtime") || strings.HasPrefix(key, "url.") || strings.HasPrefix(key, "ssh.") || strings.HasPrefix(key, "protocol.") || key == "core.sshcommand"
}

// askV2 returns the refs that begin with one of prefixes.
func (a asking) askV2(ctx context.Context, prefixes []string) (map[string]string, error) {
	if a.connection != nil && !a.connection.creds.Equal(a.creds) {
		a.disconnect() // credentials were rotated
	}
	refs, err := a.exchange(ctx, prefixes)
	a.gitOnly = a.gitOnly || errors.Is(err, errOldServer) || errors.Is(err, errNotPlain)
	// Over ssh, git-upload-pack keeps the refs that it has read, so it would never send newer ones.
	if err != nil || a.opts.Poll != PollPersistent || !a.isHTTP() {
		a.disconnect()
	}
	return refs, err
}

// exchange asks on the connection, and makes it if there is none. If the remote is silent for too long, the error is a
// *git.Error.
func (a asking) exchange(ctx context.Context, prefixes []string) (map[string]string, error) {
	if a.connection == nil {
		c, err := a.dial(ctx)
		if err != nil {
			return nil, err
		}
		a.connection = c
	}
	c := a.connection
	stop := context.AfterFunc(ctx, func() { _ = c.close() }) // closing ends a blocked read
	defer stop()
	c.silent.Reset(git.MinSilence)
	refs, err := c.ask(prefixes)
	if fired := !c.silent.Stop(); fired && err != nil {
		err = &git.Error{Op: "ls-remote", Kind: git.KindNetwork, Err: fmt.Errorf("no answer within %v", git.MinSilence)}
	}
	return refs, err
}

// ask returns the refs that begin with one of prefixes.
func (c *connection) ask(prefixes []string) (map[string]string, error) {
	if c.format == "" {
		if err := c.greet(); err != nil {
			return nil, err
		}
	}
	return c.lsRefs(prefixes)
}

var errNotPlain = errors.New("a poll of this URL needs git itself")

// dial starts the program that connects. It may outlive the sync, but not the Remote.
func (a asking) dial(ctx context.Context) (*connection, error) {
	g := a.opts.Git.With(a.creds)
	var p *git.Process
	var err error
	ok := true
	if a.isHTTP() {
		p, err = g.Start(ctx, a.helper())
	} else {
		p, ok, err = g.UploadPack(ctx, a.opts.URL)
	}
	if !ok {
		return nil, errNotPlain
	}
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	silent := time.AfterFunc(git.MinSilence, func() { _ = p.Close() })
	return &connection{
		creds: a.creds, helper: a.isHTTP(),
		in: bufio.NewReader(heard{p.Stdout, silent}), out: p.Stdin, silent: silent, close: p.Close,
	}, nil
}

// helper returns the command of git's transport helper for the remote's URL. A password is sent with the first
// request, which saves the request that the server would answer with 401. No other host gets it, because redirects
// are not followed.
func (a asking) helper() *git.Command {
	c := git.Cmd("remote-https")
	if strings.HasPrefix(a.opts.URL, "http:") {
		c = git.Cmd("remote-http")
	}
	if a.sendsPassword() {
		scope := "http." + a.opts.URL + "."
		c.Config(
			git.KV{Key: scope + "extraHeader", Value: "Authorization: " + a.creds.Authorization},
			git.KV{Key: scope + "followRedirects", Value: "false"},
		)
	}
	return c.Operand("origin", a.opts.URL)
}

// sendsPassword reports whether the first request contains the password.
func (a asking) sendsPassword() bool {
	return a.creds.Authorization != "" && a.creds.Authorization != a.rejectedAuth && !slices.ContainsFunc(a.opts.Config, func(kv git.KV) bool {
		return strings.HasSuffix(strings.ToLower(kv.Key), ".extraheader") // this may be another Authorization
	})
}

// defaultFormat is the object format of a server that does not name one.
const defaultFormat = "sha1"

// greet reads the server's capabilities.
func (c *connection) greet() error {
	if c.helper {
		if err := c.connectHelper(); err != nil {
			return err
		}
	}
	format := defaultFormat
	version, lists := false, false
	err := eachPacket(c.in, flushPacket, func(line string) error {
		switch name, value, _ := strings.Cut(line, "="); {
		case line == "version 2":
			version = true
		case !version:
			return errOldServer // the server sends all its refs
		case name == "ls-refs":
			lists = true
		case name == "object-format":
			format = value
		}
		return nil
	})
	if err == nil && !lists {
		err = errOldServer
	}
	if err == nil {
		c.format = format
	}
	return err
}

// connectHelper makes git's transport helper connect.
func (c *connection) connectHelper() error {
	if _, err := io.WriteString(c.out, "stateless-connect git-upload-pack\n"); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	line, err := c.in.ReadString('\n')
	if line == "fallback\n" {
		return errOldServer
	}
	if err != nil || line != "\n" {
		return fmt.Errorf("%w: connecting: %q, %w", errProtocol, line, err)
	}
	return nil
}

// lsRefs asks for the refs that begin with one of prefixes.
func (c *connection) lsRefs(prefixes []string) (map[string]string, error) {
	var req strings.Builder
	req.WriteString(packet("command=ls-refs\n"))
	if c.format != defaultFormat {
		req.WriteString(packet("object-format=" + c.format + "\n"))
	}
	req.WriteString(delimPacket)
	if slices.ContainsFunc(prefixes, func(p string) bool { return p != "HEAD" && !strings.HasPrefix(p, headPrefix) }) {
		req.WriteString(packet("peel\n"))
	}
	for _, p := range prefixes {
		req.WriteString(packet("ref-prefix " + p + "\n"))
	}
	req.WriteString(flushPacket)
	if _, err := io.WriteString(c.out, req.String()); err != nil {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	refs := map[string]string{}
	err := eachPacket(c.in, flushPacket, func(line string) error { return readRef(line, refs) })
	if err == nil && c.helper {
		err = eachPacket(c.in, endPacket, func(line string) error { return fmt.Errorf("%w: more than refs: %q", errProtocol, line) })
	}
	return refs, err
}

// readRef parses "<hash> <ref>[ symref-target:<ref>][ peeled:<hash>]".
func readRef(line string, refs map[string]string) error {
	fields := strings.Split(line, " ")
	if len(fields) < 2 || !git.IsHash(fields[0]) {
		return fmt.Errorf("%w: a ref: %q", errProtocol, line)
	}
	refs[fields[1]] = fields[0]
	for _, attr := range fields[2:] {
		if hash, ok := strings.CutPrefix(attr, "peeled:"); ok {
			if !git.IsHash(hash) {
				return fmt.Errorf("%w: a ref: %q", errProtocol, line)
			}
			refs[fields[1]+peeled] = hash
		}
	}
	return nil
}

// The special packets of gitprotocol-v2(5), which are identified by their length.
const (
	flushPacket = "0000"
	delimPacket = "0001"
	endPacket   = "0002" // response end, of a stateless connection
	maxPacket   = 65520  // gitprotocol-common(5); includes the four digits of the length
)

func packet(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// eachPacket reads pkt-lines up to the special packet last, and calls visit for each line, without its line break. It
// reads at most maxRefs bytes.
func eachPacket(r io.Reader, last string, visit func(line string) error) error {
	var head [4]byte
	for total := 0; total < maxRefs; {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		if string(head[:]) == last {
			return nil
		}
		n, err := strconv.ParseUint(string(head[:]), 16, 16)
		if err != nil || n > maxPacket {
			return fmt.Errorf("%w: a packet begins with %q", errProtocol, string(head[:]))
		}
		if n < 4 {
			// A response end instead of a flush says that the request failed.
			return fmt.Errorf("%w: a packet %q instead of %q", errProtocol, string(head[:]), last)
		}
		line := make([]byte, n-4)
		if _, err := io.ReadFull(r, line); err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		total += int(n)
		if err := visit(strings.TrimSuffix(string(line), "\n")); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it does not come to an end", errProtocol)
}
