// Command bench prints what git-sync costs beside plain git doing the same job in the same run.
//
//	go run ./test/bench [-sizes "100 10000 100000"] [-transports "file http"] [-rounds N] [-only REGEXP] [-svg FILE] bin/git-sync
//
// Absolute times say more about the machine than about the program, so ratios are what counts: in every round git-sync and
// plain git take turns, a round gives one ratio, and the table shows the median of them with the least and the greatest. CPU
// is that of the whole process tree, of what still runs too. Where there is a budget (docs/performance.md), the table says
// whether it was kept; the exit code does not, because a busy machine is not a defect.
//
// TMPDIR says where. On ext4 without a journal, as some virtual machines have it, let it be elsewhere: there a new file costs up
// to fifty times as much CPU for minutes after others were removed, and both sides remove many.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := options(os.Args[1:])
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type settings struct {
	binary     string
	sizes      []int
	transports []string
	rounds     int // 0: by size
	only       *regexp.Regexp
	checkout   string
	svg        string
}

func options(args []string) (settings, error) {
	var o settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := flags.String("sizes", "100 10000 100000", "numbers of files in the tree")
	transports := flags.String("transports", "file http", "how the upstream is reached")
	only := flags.String("only", "", "measure only what matches this `regexp`")
	flags.IntVar(&o.rounds, "rounds", 0, "rounds; 0: more for small trees than for large ones")
	flags.StringVar(&o.checkout, "checkout", "recycle", "git-sync's --checkout; auto would make every update wait for its grace")
	flags.StringVar(&o.svg, "svg", "", "draw cost against size into this `file`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		return o, fmt.Errorf("which git-sync? give its path")
	}
	var err error
	if o.binary, err = filepath.Abs(flags.Arg(0)); err != nil {
		return o, err
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	for f := range strings.FieldsSeq(*sizes) {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is not a number of files", f)
		}
		o.sizes = append(o.sizes, n)
	}
	o.transports = strings.Fields(*transports)
	return o, nil
}

// run measures everything that was asked for; a panic of the bench's own fatal errors becomes its result.
func run(ctx context.Context, o settings) (err error) {
	b := &bench{ctx: ctx, settings: o}
	defer b.close()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fatal:
			err = p.error
		default:
			panic(p)
		}
	}()
	b.table.head(os.Stdout)
	for _, transport := range o.transports {
		for _, size := range o.sizes {
			b.measure(transport, size)
		}
	}
	b.table.foot(os.Stdout)
	if o.svg != "" {
		return os.WriteFile(o.svg, plot(b.table.rows), 0o644)
	}
	return nil
}
