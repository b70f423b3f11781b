package repo

import (
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
	"git-sync/pkg/repo/outlet"
	"git-sync/pkg/repo/recycle"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/repo/store"
	"git-sync/pkg/repo/worktree"
)

// The types of options that the parts of this package define.
type (
	// RefusedError says that a path is in use by something that git-sync did not make.
	RefusedError = disk.RefusedError
	// Layout says how trees are named below the root.
	Layout = outlet.Layout
	// Submodules says how much of a tree's submodules is checked out.
	Submodules = worktree.Submodules
	// Content says what besides the commit decides what a tree looks like.
	Content = worktree.Content
	// CheckoutMode says how a new tree is made.
	CheckoutMode = recycle.Mode
	// GC says when unreachable objects are dropped from the store.
	GC = store.GC
	// Publish says how a tree is published.
	Publish = outlet.Kind
)

// Their values.
const (
	LayoutRev           = outlet.LayoutRev
	LayoutHash          = outlet.LayoutHash
	LayoutWorktrees     = outlet.LayoutWorktrees
	SubmodulesRecursive = worktree.SubmodulesRecursive
	SubmodulesShallow   = worktree.SubmodulesShallow
	SubmodulesOff       = worktree.SubmodulesOff
	CheckoutAuto        = recycle.Auto
	CheckoutRecycle     = recycle.Recycle
	CheckoutFull        = recycle.Full
	GCAuto              = store.GCAuto
	GCAlways            = store.GCAlways
	GCAggressive        = store.GCAggressive
	GCOff               = store.GCOff
	PublishLink         = outlet.KindLink
	PublishDirectory    = outlet.KindDirectory
	PublishInPlace      = outlet.KindInPlace
)

// Options says what to keep where. The zero values of the optional fields are
// the plain choices: full history, no filter, every submodule off.
type Options struct {
	Git  *git.Git
	Log  logr.Logger
	Root string // absolute; created when absent
	Link string // published path; relative means below Root
	// Publish says what the published path is; empty: a link.
	Publish Publish
	// Layout names the trees. Unless it was asked for, a root that publishes bare
	// hashes keeps doing so.
	Layout      Layout
	LayoutAsked bool
	Source
	Content
	Checkout CheckoutMode
	// StaleTimeout is how long a replaced tree stays.
	StaleTimeout time.Duration
	GC           GC
	// Sharing, when set, says with whom polls are shared.
	Sharing func() remote.Sharing
	// Progress, when set, is called for each step of a fetch or checkout.
	Progress func(git.Progress)
	// Now is time.Now when nil.
	Now func() time.Time
}

// copies reports whether consumers see copies of the trees.
func (o *Options) copies() bool { return o.Publish != "" && o.Publish != PublishLink }

// Source says what is synced.
type Source struct {
	remote.Wanted
	Depth  int    // commits of history; 0 is all of it
	Filter string // partial clone: git's --filter
	// RefPinned refuses a tag that has moved since it was published.
	RefPinned bool
	// Verify says which signature a revision needs to be published.
	Verify Verify
	// Trust holds the keys whose signatures count.
	Trust git.Trust
}

// Tree is a complete checkout of one commit.
type Tree struct {
	Hash string // the commit, in hex
	Ref  string // what it was asked for as, in full where the remote said so
	Path string // absolute; where it is now, until Publish returns it with its final path
	New  bool   // false: it is published and intact already, there is nothing to do

	rec worktree.Record
	oid string // what the ref itself held: the commit, or an annotated tag
}

// Revision is what is published.
type Revision struct {
	Hash  string
	Ref   string    // empty until this process has asked the remote
	Path  string    // absolute path of what consumers see
	Since time.Time // when the link was flipped to it
	// Unusable says why it is not to be used, in a clause; empty when nothing is
	// known against it.
	Unusable string
}

// Stats counts what a Repo has done and holds.
type Stats struct {
	Fetches     int   // fetches that ended well, submodules' included
	Recycled    int   // trees made from a spare one
	Stuck       int   // replaced trees that cannot be removed for now
	ObjectBytes int64 // the object store on disk
	Unverified  int   // times that a revision was refused for its signature
}
