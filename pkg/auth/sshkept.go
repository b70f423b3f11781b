package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// A handshake is most of what a poll over ssh costs, both sides. OpenSSH can share a connection
// (ssh_config(5), ControlMaster and ControlPath): one ssh, the master, keeps it, and those that git
// runs go through the master's socket. The master is a child of this process and no part of any
// sync. It goes where the sync before went, is given up when what it was let in by has changed, when
// it has grown old or is not used, and at any failure. An ssh that does not find it, or is not served
// by it, connects by itself: so nobody waits for a master, and it may go at any time.

const (
	// keptFor is how old a master grows: as long does a key that the server has revoked meanwhile go
	// on working, and a host key that has changed meanwhile go unnoticed.
	keptFor = 10 * time.Minute
	// keptWithin is how soon after one another syncs have to be for a connection to be worth keeping,
	// and keptIdle how long one is kept without any.
	keptWithin = 2 * time.Minute
	keptIdle   = 3 * time.Minute
	// keptPause is at least between two starts of a master. It doubles, up to keptPauseMax, with each
	// that comes to nothing, lest a server that does not want them be asked to let one in for ever.
	keptPause    = time.Minute
	keptPauseMax = time.Hour
	// keptStart is how long a master may take until it serves.
	keptStart = 30 * time.Second
	// aliveChecks go unanswered before ssh takes the server for dead; it asks once more than it says.
	aliveChecks = 2
)

// sshShared tells our executable, in ssh's place, of a master.
type sshShared struct {
	// Call is what it was made for; no other goes through it.
	Call   sshCall `json:"call"`
	Socket string  `json:"socket"`
}

// keeper has the master, or none. close may be called beside everything else.
type keeper struct {
	mu     sync.Mutex
	closed bool
	master *sshMaster
	asked  time.Time // when the last sync began
	failed bool      // it did
	began  time.Time // when the last master did
	vain   int       // masters in a row that came to nothing
	calls  callFile  // of the sync before
	place  socketDir
	noted  string // why none can be kept, as last logged
}

// sshMaster is a running one.
type sshMaster struct {
	process *proc.Process
	of      [sha256.Size]byte // what it was let in by
	shared  sshShared
	served  bool        // its socket has been seen
	retired bool        // its socket is gone, for it is too old for more
	expiry  *time.Timer // retires it
}

// keepSSH tells plan of the master that ssh may go through, and sees to it that there is one soon if
// that is worth it. It does not block for longer than starting a program takes.
func (a *Auth) keepSSH(ctx context.Context, plan *sshPlan) {
	if a.opts.KeepSSH <= 0 {
		return
	}
	k := &a.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	call, called := k.calls.take()
	now := time.Now()
	often, well := now.Sub(k.asked) < keptWithin, !k.failed
	k.asked, k.failed = now, false
	k.review(a.opts.Log, plan, called, now)
	if k.master == nil && called && often && well && plan.offers(call.Keys) && now.Sub(k.began) >= k.pause() {
		k.began = now
		k.note(a.opts.Log, k.start(ctx, a.opts, plan, call))
	}
	plan.Calls = k.calls.path()
	if m := k.master; m != nil && m.served {
		plan.Shared = &m.shared
	}
}

// review gives up a master that does not do any more, as where the sync before had no need of ssh. No sync is under way.
func (k *keeper) review(log logr.Logger, plan *sshPlan, called bool, now time.Time) {
	m := k.master
	if m == nil {
		return
	}
	age, serves := now.Sub(k.began), k.place.serves(m.shared.Socket)
	m.served = m.served || serves
	switch {
	case m.gone() && m.served:
		log.V(1).Info("the ssh connection that was kept has ended", "stderr", m.said())
	case m.gone():
		k.vain++
		k.note(log, fmt.Errorf("ssh has ended: %s", m.said()))
	case !m.served && age > keptStart:
		k.vain++
		k.note(log, fmt.Errorf("ssh serves nobody: %s", m.said()))
	case m.retired || m.of != plan.letInBy() || !called || m.served && !serves:
	default:
		m.expiry.Reset(min(keptIdle, keptFor-age))
		if m.served {
			k.vain, k.noted = 0, ""
		}
		return
	}
	k.hangUp()
}

// pause is how long after the last start another master may be started.
func (k *keeper) pause() time.Duration {
	return min(keptPause<<min(k.vain, 10), keptPauseMax)
}

// note logs why no connection is kept, when that changes.
func (k *keeper) note(log logr.Logger, err error) {
	if err == nil || err.Error() == k.noted {
		return
	}
	k.noted = err.Error()
	log.Info("no ssh connection can be kept; each sync makes its own", "error", k.noted)
}

// letInBy sums up what a connection is made with.
func (p *sshPlan) letInBy() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(slices.Clone(p.read), "%q %q %q %q", p.Options, p.Keys, p.Rules, p.Env))
}

// start starts a master. It connects in its own time.
func (k *keeper) start(ctx context.Context, opts Options, plan *sshPlan, call sshCall) error {
	socket, err := k.place.next(lookup(opts.Env)("TMPDIR"))
	if err != nil {
		return err
	}
	every := max(1, int(opts.KeepSSH/time.Second)/(aliveChecks+1))
	args := slices.Concat([]string{
		"-o", "ControlMaster=yes", "-o", "ControlPath=" + socket, "-o", "ControlPersist=no",
		"-o", "ServerAliveInterval=" + strconv.Itoa(every), "-o", "ServerAliveCountMax=" + strconv.Itoa(aliveChecks),
		"-o", "ClearAllForwardings=yes", "-N", "-T",
	}, call.Args)
	text, err := json.Marshal(sshPlan{Options: plan.Options, Keys: call.Keys, Env: plan.Env})
	if err != nil {
		return fmt.Errorf("describing the SSH keys: %w", err)
	}
	p, err := proc.Start(ctx, proc.Cmd{
		Path: opts.Self, Args: args, Env: append(slices.Clone(opts.Env), sshVariable+"="+string(text)),
	})
	if err != nil {
		return fmt.Errorf("starting ssh: %w", err)
	}
	opts.Log.V(1).Info("keeping an ssh connection", "to", call.Args[len(call.Args)-1])
	m := &sshMaster{process: p, of: plan.letInBy(), shared: sshShared{Call: call, Socket: socket}}
	m.expiry = time.AfterFunc(keptIdle, func() { k.expire(m) })
	k.master = m
	return nil
}

// expire retires a master that is old, or has not been used for a while. What goes through it, a long fetch perhaps, has
// as much time again.
func (k *keeper) expire(m *sshMaster) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.master != m:
	case m.retired:
		k.hangUp()
	default:
		m.retired = true
		_ = os.Remove(m.shared.Socket) // if that does not go, it is used for longer
		m.expiry.Reset(keptFor)
	}
}

// gone reports whether the master has ended.
func (m *sshMaster) gone() bool {
	select {
	case <-m.process.Done():
		return true
	default:
		return false
	}
}

// said is the end of what the master has said; a server may say a lot.
func (m *sshMaster) said() string {
	const most = 300
	said := strings.TrimSpace(m.process.Stderr())
	return said[max(0, len(said)-most):]
}

// hangUp ends the master, if there is one.
func (k *keeper) hangUp() {
	m := k.master
	if m == nil {
		return
	}
	m.expiry.Stop()
	_ = m.process.Close()          // it was asked to go; how it went is of no interest
	_ = os.Remove(m.shared.Socket) // which a killed ssh leaves
	k.master = nil
}

// giveUp is hangUp after a failure: another master has to wait for a sync that does well without.
func (k *keeper) giveUp() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failed = true
	k.hangUp()
}

// close ends the master for good.
func (k *keeper) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.hangUp()
	k.calls.close()
	return k.place.close()
}

// Stale reports whether err may be the failure of a connection that was kept, and not the remote's:
// a connection was lost, and there was one. It is given up then, so that who syncs again with the
// result of another Refresh has one of its own.
func (a *Auth) Stale(err error) bool {
	failed, ok := errors.AsType[*git.Error](err)
	if !ok || failed.Kind != git.KindNetwork || !a.offer.ssh.kept {
		return false
	}
	a.kept.giveUp()
	return true
}
