package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"

	"git-sync/pkg/config"
	"git-sync/pkg/logging"
	"git-sync/pkg/repo"
)

// errorKeeper keeps --error-file beside the loop, which must not hang when the disk does: it takes the newest state, and a
// goroutine of its own writes it.
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

// keepRefusal writes the error file for a run that does not start. Below a root that is somebody else's nothing is written.
func keepRefusal(s config.Sync, log *logging.Logging, problems []error) {
	root, err := filepath.EvalSymlinks(s.Root) // before it is made absolute, which strikes out ".." behind symlinks
	fresh := errors.Is(err, fs.ErrNotExist)    // and so nobody's; what Open had made is gone
	if fresh && s.ErrorFile != "" && !filepath.IsAbs(s.ErrorFile) {
		if err = os.MkdirAll(s.Root, 0o777); err == nil {
			root, err = filepath.EvalSymlinks(s.Root)
		}
	}
	if err == nil {
		root, err = filepath.Abs(root)
	}
	var refused *repo.RefusedError
	theirs := err != nil || !fresh && errors.As(errors.Join(problems...), &refused) && refused.Path == root
	if theirs && !filepath.IsAbs(s.ErrorFile) {
		return
	}
	if err := log.ErrorFile(below(root, s.ErrorFile)).Write("cannot start", errors.Join(problems...)); err != nil {
		log.Logger().Error(err, "keeping the error file failed")
	}
}
