package gitserver

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// packets is a listener that can lose all packets to it and to its connections, as a firewall that drops them does: the
// kernel discards them before TCP sees them, so that nothing is answered, not even the attempt to connect.
type packets struct {
	net.Listener

	mu    sync.Mutex
	lost  bool
	conns []syscall.Conn // may have been closed since
}

// newPackets listens on loopback with a plain TCP socket: those of [net.Listen] are of MPTCP, and take no filter.
func newPackets() (*packets, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, unix.SOMAXCONN)); err != nil {
		return nil, err
	}
	l, err := net.FileListener(f)
	return &packets{Listener: l}, err
}

func (p *packets) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conn.(syscall.Conn))
	return conn, lose(conn.(syscall.Conn), p.lost)
}

// lose begins or ends the loss.
func (p *packets) lose(yes bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = yes
	for _, c := range p.conns {
		_ = lose(c, yes)
	}
	return lose(p.Listener.(syscall.Conn), yes)
}

// lose gives a socket the filter that accepts no byte of any packet (socket(7), SO_ATTACH_FILTER), or takes it away.
func lose(c syscall.Conn, yes bool) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if yes {
			none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
			failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none})
		} else if failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); errors.Is(failed, unix.ENOENT) {
			failed = nil // it had none
		}
	})
	return errors.Join(err, failed)
}
