package instance

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/go-logr/logr"

	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
)

// errorKeeper writes --error-file. Its own goroutine writes the newest state, because the loop must not block if the
// disk does.
type errorKeeper struct {
	file   *logging.ErrorFile
	newest chan func() error // the next write
	done   chan struct{}
}

func keepErrors(file *logging.ErrorFile, log logr.Logger) *errorKeeper {
	k := &errorKeeper{file: file, newest: make(chan func() error, 1), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		for write := range k.newest {
			if err := write(); err != nil {
				log.Error(err, "writing the error file failed")
			}
		}
	}()
	return k
}

// set replaces the next write. It does not block.
func (k *errorKeeper) set(write func() error) {
	select {
	case <-k.newest:
	default:
	}
	k.newest <- write // does not block: nothing else sends
}

func (k *errorKeeper) failed(err error, failures int) {
	k.set(func() error { return k.file.Write("sync failed", err, failures) })
}

func (k *errorKeeper) succeeded() { k.set(k.file.Clear) }

// close blocks until the newest state is written.
func (k *errorKeeper) close() {
	close(k.newest)
	<-k.done
}

// Refuse is for an instance that does not start, after Close. It writes the error file, and removes the directories
// that New created. It does not write into a root that is not ours.
func (i *Instance) Refuse(problems []error) {
	if i.repo != nil {
		defer i.repo.Undo()
	}
	s, log := i.opt.Sync, i.opt.Log
	inRoot := s.ErrorFile != "" && !filepath.IsAbs(s.ErrorFile)
	root, err := filepath.EvalSymlinks(s.Root)
	isNew := errors.Is(err, fs.ErrNotExist)
	if isNew && inRoot {
		if err = i.makeDir(s.Root); err == nil {
			root, err = filepath.EvalSymlinks(s.Root)
		}
	}
	refused := slices.ContainsFunc(i.problems, func(problem error) bool {
		r, ok := errors.AsType[*repo.RefusedError](problem)
		return ok && r.Path == root
	})
	notOurs := err != nil || !isNew && refused
	if notOurs && inRoot {
		return
	}
	if err := log.ErrorFile(below(root, s.ErrorFile)).Write("cannot start", errors.Join(problems...), 0); err != nil {
		log.Logger().Error(err, "writing the error file failed")
	}
}
