package proc

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Init makes this process a proper first process of a container. If its process ID is 1, it reaps the orphans that
// the kernel assigns to it, until ctx ends. Otherwise it does nothing. It does not block. Call it once.
//
// It does not reap our own children, which others wait for. For that, it needs no list of them, which could be out of
// date: a child belongs to the thread that started it, which is never the first one (see onOwnThread), while orphans
// are assigned to the first thread. So /proc/self/task/<first>/children lists only orphans.
func Init(ctx context.Context) {
	if os.Getpid() == 1 {
		adopt(ctx)
	}
}

// adopt reaps the orphans that become children of this process.
func adopt(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	go func() {
		defer signal.Stop(died)
		for {
			reapOrphans()
			select {
			case <-died:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// reapOrphans reaps all dead children of the first thread.
func reapOrphans() {
	list, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		return // a kernel without CONFIG_PROC_CHILDREN: zombies stay until this process ends
	}
	for field := range strings.FieldsSeq(string(list)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}
