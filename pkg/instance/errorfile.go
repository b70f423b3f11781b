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

// errorKeeper keeps --error-file beside the loop, which must not block when the disk does: a goroutine of its own writes the
// newest state.
type errorKeeper struct {
	file   *logging.ErrorFile
	log    logr.Logger
	newest chan lastError
	done   chan struct{}
}

// lastError is what the file is to hold; no error: there is to be no file.
type lastError struct {
	err  error
	args []any
}

func keepErrors(file *logging.ErrorFile, log logr.Logger) *errorKeeper {
	k := &errorKeeper{file: file, log: log, newest: make(chan lastError, 1), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		for last := range k.newest {
			k.write(last)
		}
	}()
	return k
}

// set makes e the state to be written; one that was not written yet is forgotten. It does not block.
func (k *errorKeeper) set(e lastError) {
	select {
	case <-k.newest:
	default:
	}
	k.newest <- e // there is room: only we fill it
}

func (k *errorKeeper) failed(err error, failures int) {
	k.set(lastError{err: err, args: []any{"failures", failures}})
}

func (k *errorKeeper) succeeded() { k.set(lastError{}) }

func (k *errorKeeper) write(e lastError) {
	var err error
	if e.err == nil {
		err = k.file.Clear()
	} else {
		err = k.file.Write("sync failed", e.err, e.args...)
	}
	if err != nil {
		k.log.Error(err, "keeping the error file failed")
	}
}

// close waits until the newest state is written.
func (k *errorKeeper) close() {
	close(k.newest)
	<-k.done
}

// Refuse ends an instance that does not start, after Close: it writes the error file, and takes away what New made. Nothing is
// written below a root that is not ours.
func (i *Instance) Refuse(problems []error) {
	i.keepRefusal(errors.Join(problems...))
	if i.repo != nil {
		i.repo.Undo()
	}
}

func (i *Instance) keepRefusal(problem error) {
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
	if err := log.ErrorFile(below(root, s.ErrorFile)).Write("cannot start", problem); err != nil {
		log.Logger().Error(err, "keeping the error file failed")
	}
}
