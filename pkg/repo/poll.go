package repo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"git-sync/pkg/git"
)

// Poll says how the remote is asked.
type Poll string

// The values of Poll.
const (
	// PollPlain asks by one git process a poll.
	PollPlain Poll = "plain"
	// PollPersistent keeps git's own HTTP transport running between polls, and
	// with it the connection. It costs its memory, and next to no CPU.
	PollPersistent Poll = "persistent"
)

// Over HTTP git's own transport helper is asked by its line protocol
// (gitremote-helpers(7)): that is one process less than `git ls-remote`, and
// the server sends the refs asked for and not all that it has. At any surprise
// it is `git ls-remote` that asks, and that says what is wrong.

// transport is a running `git remote-https` that has been told to connect to
// git-upload-pack. What follows is protocol v2 (gitprotocol-v2(5)): pkt-lines,
// an exchange for each request, each answer ended by a response-end packet.
type transport struct {
	creds  git.Overlay // with which it was started
	format string      // object format, when the server names one
	in     *bufio.Reader
	out    io.Writer
	close  func() error
}

var (
	errTransport = errors.New("the transport helper did something unexpected")
	errOldServer = errors.New("the server does not speak protocol v2")
)

// overTransport reports whether the remote is to be asked by the helper. It
// knows nothing of URLs that the user's configuration rewrites.
func (s session) overTransport() bool {
	if s.oldServer || s.wary || !strings.HasPrefix(s.opts.URL, "https://") && !strings.HasPrefix(s.opts.URL, "http://") {
		return false
	}
	return !slices.ContainsFunc(s.opts.Config, func(kv git.KV) bool {
		key := strings.ToLower(kv.Key)
		return strings.HasPrefix(key, "url.") && strings.HasSuffix(key, ".insteadof")
	})
}

// askTransport returns the refs that begin with one of prefixes.
func (s session) askTransport(ctx context.Context, prefixes []string) (map[string]string, error) {
	if s.transport != nil && !s.transport.creds.Equal(s.creds) {
		s.hangUp() // credentials were rotated
	}
	rows, err := s.exchange(ctx, prefixes)
	s.oldServer = s.oldServer || errors.Is(err, errOldServer)
	if err != nil || s.opts.Poll != PollPersistent {
		s.hangUp()
	}
	return rows, err
}

func (s session) exchange(ctx context.Context, prefixes []string) (map[string]string, error) {
	if s.transport == nil {
		t, err := s.dial(ctx)
		if err != nil {
			return nil, err
		}
		s.transport = t
	}
	t := s.transport
	// A read from the helper ends when the helper does.
	stop := context.AfterFunc(ctx, func() { _ = t.close() })
	defer stop()
	if !t.greeted() {
		if err := t.greet(); err != nil {
			return nil, err
		}
	}
	return t.lsRefs(prefixes)
}

// dial starts the helper. It may outlive the sync, but not the Repo.
func (s session) dial(ctx context.Context) (*transport, error) {
	scheme, _, _ := strings.Cut(s.opts.URL, ":")
	c := git.Cmd("remote-https")
	if scheme == "http" {
		c = git.Cmd("remote-http")
	}
	p, err := s.git.Start(ctx, c.Operand("origin", s.opts.URL))
	if err != nil {
		return nil, fmt.Errorf("starting the transport helper: %w", err)
	}
	return &transport{creds: s.creds, in: bufio.NewReader(p.Stdout), out: p.Stdin, close: p.Close}, nil
}

// hangUp ends the transport, if there is one.
func (r *Repo) hangUp() {
	if r.transport != nil {
		_ = r.transport.close() // what it was asked it has answered, or is asked anew in another way
		r.transport = nil
	}
}

// defaultFormat is the object format of who names none.
const defaultFormat = "sha1"

func (t *transport) greeted() bool { return t.format != "" }

// greet has the helper connect, and reads what the server can do.
func (t *transport) greet() error {
	if _, err := io.WriteString(t.out, "stateless-connect git-upload-pack\n"); err != nil {
		return fmt.Errorf("%w: %w", errTransport, err)
	}
	line, err := t.in.ReadString('\n')
	if line == "fallback\n" {
		return errOldServer
	}
	if err != nil || line != "\n" {
		return fmt.Errorf("%w: connecting: %q, %w", errTransport, line, err)
	}
	format := defaultFormat
	version, lists := "", false
	err = eachPacket(t.in, flushPacket, func(line string) error {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "version 2":
			version = name
		case "ls-refs":
			lists = true
		case "object-format":
			format = value
		}
		return nil
	})
	if err == nil && (version == "" || !lists) {
		err = errOldServer
	}
	if err == nil {
		t.format = format
	}
	return err
}

// lsRefs asks for the refs that begin with one of prefixes.
func (t *transport) lsRefs(prefixes []string) (map[string]string, error) {
	var req strings.Builder
	req.WriteString(packet("command=ls-refs\n"))
	if t.format != defaultFormat {
		req.WriteString(packet("object-format=" + t.format + "\n"))
	}
	req.WriteString(delimPacket)
	if slices.ContainsFunc(prefixes, func(p string) bool { return p != "HEAD" && !strings.HasPrefix(p, headPrefix) }) {
		req.WriteString(packet("peel\n"))
	}
	for _, p := range prefixes {
		req.WriteString(packet("ref-prefix " + p + "\n"))
	}
	req.WriteString(flushPacket)
	if _, err := io.WriteString(t.out, req.String()); err != nil {
		return nil, fmt.Errorf("%w: %w", errTransport, err)
	}
	refs := map[string]string{}
	err := eachPacket(t.in, flushPacket, func(line string) error { return readRef(line, refs) })
	if err == nil {
		err = eachPacket(t.in, endPacket, func(line string) error { return fmt.Errorf("%w: more than refs: %q", errTransport, line) })
	}
	return refs, err
}

// readRef reads "<hash> <ref>[ symref-target:<ref>][ peeled:<hash>]".
func readRef(line string, refs map[string]string) error {
	fields := strings.Split(line, " ")
	if len(fields) < 2 || !isHash(fields[0]) {
		return fmt.Errorf("%w: a ref: %q", errTransport, line)
	}
	refs[fields[1]] = fields[0]
	for _, attr := range fields[2:] {
		if peeled, ok := strings.CutPrefix(attr, "peeled:"); ok {
			if !isHash(peeled) {
				return fmt.Errorf("%w: a ref: %q", errTransport, line)
			}
			refs[fields[1]+"^{}"] = peeled
		}
	}
	return nil
}

// The special packets of gitprotocol-v2(5): their length says what they are.
const (
	flushPacket = "0000"
	delimPacket = "0001"
	endPacket   = "0002" // response end, of a stateless connection
	maxPacket   = 65520  // gitprotocol-common(5), the length's own four digits included
)

func packet(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }

// eachPacket reads pkt-lines up to the special packet last, and calls visit
// for those that hold a line, without its line break. It reads no more than
// maxRefs bytes.
func eachPacket(r io.Reader, last string, visit func(line string) error) error {
	var head [4]byte
	for total := 0; total < maxRefs; {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return fmt.Errorf("%w: %w", errTransport, err)
		}
		if string(head[:]) == last {
			return nil
		}
		n, err := strconv.ParseUint(string(head[:]), 16, 16)
		if err != nil || n > maxPacket {
			return fmt.Errorf("%w: a packet begins with %q", errTransport, string(head[:]))
		}
		if n < 4 {
			// Where a flush is due, a response end says that the request failed.
			return fmt.Errorf("%w: a packet %q instead of %q", errTransport, string(head[:]), last)
		}
		line := make([]byte, n-4)
		if _, err := io.ReadFull(r, line); err != nil {
			return fmt.Errorf("%w: %w", errTransport, err)
		}
		total += int(n)
		if err := visit(strings.TrimSuffix(string(line), "\n")); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it does not come to an end", errTransport)
}
