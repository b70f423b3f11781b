package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.uber.org/goleak"

	"git-sync/pkg/repo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRemote = errors.New("the remote is away")

// fake is a repository whose remote is at head. Its steps take no time unless told otherwise.
type fake struct {
	mu        sync.Mutex
	head      string
	published repo.Revision
	err       error // what Prepare answers
	stepErr   map[string]error
	prepare   func(ctx context.Context) // called in Prepare, without the lock
	restore   func(cause error) (repo.Tree, error)
	waitClean func(ctx context.Context) error

	began   time.Time
	starts  []time.Duration // when each Prepare began
	calls   []string
	running int
	beside  bool // two steps ran side by side
	cleans  int
}

func newFake() *fake { return &fake{head: "a", began: time.Now(), stepErr: map[string]error{}} }

func (f *fake) enter(name string) (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	f.running++
	f.beside = f.beside || f.running > 1
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
	}
}

func (f *fake) Refresh(context.Context) error {
	defer f.enter("refresh")()
	return f.stepErr["refresh"]
}

func (f *fake) Prepare(ctx context.Context) (repo.Tree, error) {
	defer f.enter("prepare")()
	f.mu.Lock()
	f.starts = append(f.starts, time.Since(f.began))
	head, prepare := f.head, f.prepare // what the remote is at when it is asked
	f.mu.Unlock()
	if prepare != nil {
		prepare(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return repo.Tree{}, f.err
	}
	if ctx.Err() != nil {
		return repo.Tree{}, ctx.Err()
	}
	return repo.Tree{Hash: head, Ref: "refs/heads/main", Path: "/root/rev-" + head, New: f.published.Hash != head}, nil
}

func (f *fake) Restore(_ context.Context, cause error) (repo.Tree, error) {
	defer f.enter("restore")()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.restore == nil {
		return repo.Tree{}, nil
	}
	return f.restore(cause)
}

func (f *fake) Publish(_ context.Context, t repo.Tree) (repo.Tree, error) {
	defer f.enter("publish")()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.stepErr["publish"]; err != nil {
		return t, err
	}
	f.published = repo.Revision{Hash: t.Hash, Since: time.Now()}
	return t, nil
}

func (f *fake) Clean(context.Context) {
	defer f.enter("clean")()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cleans++
}

func (f *fake) Succeeded(context.Context) { defer f.enter("succeeded")() }

func (f *fake) WaitClean(ctx context.Context) error {
	defer f.enter("wait-clean")()
	if f.waitClean != nil {
		return f.waitClean(ctx)
	}
	return nil
}

func (f *fake) Published() (repo.Revision, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.published, f.published.Hash != ""
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) times() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.starts)
}

func (f *fake) count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == name {
			n++
		}
	}
	return n
}

// run is a loop under test.
type run struct {
	*Syncer
	t      *testing.T
	f      *fake
	cancel context.CancelFunc
	done   chan struct{}
	err    error // after done
	log    *lines
}

// start runs a loop on f: ten seconds' period, no spread, unlimited failures, unless change says otherwise.
func start(t *testing.T, f *fake, change func(*Options)) *run {
	t.Helper()
	log := &lines{}
	opt := Options{
		Steps: f, Log: log.logger(),
		Schedule: Schedule{
			Period: 10 * time.Second, Timeout: time.Minute, Budget: Budget{Unlimited: true}, Rand: func() float64 { return 0.5 },
		},
	}
	if change != nil {
		change(&opt)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &run{Syncer: New(opt), t: t, f: f, cancel: cancel, done: make(chan struct{}), log: log}
	go func() {
		defer close(r.done)
		r.err = r.Run(ctx)
	}()
	synctest.Wait()
	return r
}

// stop ends the loop as a signal does.
func (r *run) stop() error {
	r.t.Helper()
	r.cancel()
	return r.end()
}

// end waits for the loop to end by itself.
func (r *run) end() error {
	r.t.Helper()
	<-r.done
	if r.f.beside {
		r.t.Errorf("two steps ran side by side: %v", r.f.calls)
	}
	return r.err
}

// pass lets that much time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logger() logr.Logger {
	return funcr.New(func(_, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, args)
	}, funcr.Options{})
}

// with counts the lines that hold the text.
func (l *lines) with(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, s := range l.all {
		if strings.Contains(s, text) {
			n++
		}
	}
	return n
}

func wantTimes(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("syncs started at %v, want %v", got, want)
	}
}

func seconds(s ...float64) []time.Duration {
	d := make([]time.Duration, len(s))
	for i := range s {
		d[i] = time.Duration(s[i] * float64(time.Second))
	}
	return d
}
