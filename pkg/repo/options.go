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
	// Content says what determines a tree besides the commit.
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

// PublishKinds are the values of Publish, the default first.
func PublishKinds() []Publish { return outlet.Kinds() }

// Options configures a Repo. The zero values of the optional fields mean full history, no filter, no submodules.
type Options struct {
	Git  *git.Git
	Log  logr.Logger
	Root string // absolute; created when absent
	Link string // published path; relative means below Root
	// Publish says what the published path is; empty: a link.
	Publish Publish
	// Layout names the trees. Unless LayoutAsked is set, a root that publishes bare hashes keeps doing so.
	Layout      Layout
	LayoutAsked bool
	Source
	Content
	Checkout CheckoutMode
	// StaleTimeout is how long a replaced tree is kept.
	StaleTimeout time.Duration
	GC           GC
	// Sharing, when set, returns with which other Repos polls are shared.
	Sharing func() remote.Sharing
	// Progress, when set, is called for each step of a fetch or checkout.
	Progress func(git.Progress)
	// Describe has the published commit described, which costs one git for each revision.
	Describe bool
	// Now is time.Now when nil.
	Now func() time.Time
}

// Source says what is synced.
type Source struct {
	remote.Wanted
	Depth  int    // commits of history; 0 is all of it
	Filter string // partial clone: git's --filter
	// RefPinned rejects a tag that has moved since it was published.
	RefPinned bool
	// Verify says which signature a revision needs.
	Verify Verify
	// Trust holds the trusted keys.
	Trust git.Trust
}

// Tree is a complete checkout of one commit.
type Tree struct {
	Hash string // the commit, in hex
	Ref  string // the ref that was asked for; its full name if the remote gave it
	Path string // absolute; may change until Publish, which returns the final path
	Link string // absolute path of what consumers read
	New  bool   // false: it is published and intact already

	rec worktree.Record
	oid string // what the ref points to: the commit, or an annotated tag
}

// Revision is the published revision.
type Revision struct {
	Hash  string
	Ref   string    // empty until this process has polled the remote
	Path  string    // absolute path of what consumers see
	Since time.Time // when it was published
	// Unusable says why it must not be used; empty when no problem is known.
	Unusable string
	// LastSuccess is when a sync of an earlier process last succeeded; zero if that is not known.
	LastSuccess time.Time
	// Commit describes the commit, with Options.Describe; it is read in the background.
	Commit Commit
}

// Commit describes the commit Hash.
type Commit struct {
	Hash, Subject string
	Authored      time.Time
}

// Stats counts what a Repo has done, and describes its present state.
type Stats struct {
	Fetches     int   // successful fetches, those of submodules included
	Recycled    int   // trees made from a spare
	Stuck       int   // replaced trees that cannot be removed at present
	ObjectBytes int64 // size of the object store on the disk
	Unverified  int   // revisions rejected for their signature
	// Waiting says that another process holds the root; empty otherwise.
	Waiting string
}
