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

// Init makes us a good first process of a container: when our process ID is 1, it
// reaps the orphans that the kernel hands to us, until ctx ends. Otherwise it does
// nothing. It does not block. Call it once.
//
// Children of our own are left to whoever waits for them. They are told apart
// without a list that could be late: a child belongs to the thread that started
// it, which is never the first one (see onOwnThread), and orphans are given to the
// first one. /proc/self/task/<first>/children therefore lists orphans alone.
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

// reapOrphans reaps each dead child of the first thread.
func reapOrphans() {
	list, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		return // a kernel without CONFIG_PROC_CHILDREN: zombies stay until we end
	}
	for field := range strings.FieldsSeq(string(list)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}
