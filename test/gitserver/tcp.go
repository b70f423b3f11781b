package gitserver

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Daemon serves the directory that r lies in by git daemon, and returns the URL of r, git://127.0.0.1:PORT/repo.git.
// Each connection gets a git daemon of its own (as inetd would do it), which dies with it.
func Daemon(t TB, r *Repo) string {
	t.Helper()
	root := filepath.Dir(r.Dir)
	addr := listen(t, func(conn *net.TCPConn, stop <-chan struct{}) {
		f, err := conn.File()
		if err != nil {
			return
		}
		defer f.Close()
		cmd := exec.Command("git", "daemon", "--inetd", "--export-all", "--base-path="+root, root)
		cmd.Env = Env()
		cmd.Stdin, cmd.Stdout = f, f
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if cmd.Start() != nil {
			return
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = cmd.Wait()
		}()
		select {
		case <-over:
		case <-stop:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-over
		}
	})
	return "git://" + addr + "/" + r.Name()
}

// Proxy is a TCP proxy whose treatment of connections can change; an open connection keeps the one it was accepted under.
type Proxy struct {
	Addr string // host:port to talk to instead of the target

	mu        sync.Mutex
	treatment Treatment
	accepted  int
}

// Treatment is what a [Proxy] does with a connection.
type Treatment struct {
	Silent   bool          // accept, read, and never answer
	Refuse   bool          // close at once
	CutAfter int           // close after so many bytes of the answer; 0: do not
	Every    time.Duration // one byte of the answer each time; 0: at full speed
}

// NewProxy stands before host:port. It passes everything until told otherwise.
func NewProxy(t TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{}
	p.Addr = listen(t, func(conn *net.TCPConn, stop <-chan struct{}) {
		p.mu.Lock()
		treatment := p.treatment
		p.accepted++
		p.mu.Unlock()
		treatment.apply(conn, target, stop)
	})
	return p
}

// Treat changes what happens to connections that are accepted from now on.
func (p *Proxy) Treat(how Treatment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.treatment = how
}

// Accepted counts the connections so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (t Treatment) apply(conn *net.TCPConn, target string, stop <-chan struct{}) {
	if t.Refuse {
		return
	}
	if t.Silent {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_, _ = io.Copy(io.Discard, conn)
		}()
		select {
		case <-gone:
		case <-stop:
			conn.Close()
			<-gone
		}
		return
	}
	up, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	over := make(chan struct{}, 2)
	go func() {
		defer func() { over <- struct{}{} }()
		_, _ = io.Copy(up, conn)
		_ = up.(*net.TCPConn).CloseWrite()
	}()
	go func() {
		defer func() { over <- struct{}{} }()
		_ = t.answer(conn, up, stop)
		conn.Close()
	}()
	for range cap(over) {
		select {
		case <-over:
		case <-stop:
			conn.Close()
			up.Close()
			<-over
			stop = nil
		}
	}
	up.Close()
}

var errEnough = errors.New("cut as told")

// answer copies what the target says.
func (t Treatment) answer(to io.Writer, from io.Reader, stop <-chan struct{}) error {
	if t.Every == 0 {
		if t.CutAfter > 0 {
			from = io.LimitReader(from, int64(t.CutAfter))
		}
		_, err := io.Copy(to, from)
		return err
	}
	timer := time.NewTicker(t.Every)
	defer timer.Stop()
	one := make([]byte, 1)
	for n := 0; ; n++ {
		if t.CutAfter > 0 && n >= t.CutAfter {
			return errEnough
		}
		if _, err := io.ReadFull(from, one); err != nil {
			return err
		}
		if _, err := to.Write(one); err != nil {
			return err
		}
		select {
		case <-timer.C:
		case <-stop:
			return nil
		}
	}
}

// listen accepts connections on loopback until the test ends, each handled in a goroutine of its own and closed afterwards.
func listen(t TB, handle func(conn *net.TCPConn, stop <-chan struct{})) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening on loopback: %v", err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn), stop)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(stop)
		all.Wait()
	})
	return l.Addr().String()
}
