package repo

import (
	"io/fs"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// Submodules says how much of a tree's submodules is checked out.
type Submodules string

// The values of Submodules.
const (
	SubmodulesRecursive Submodules = "recursive" // all of them, at every depth
	SubmodulesShallow   Submodules = "shallow"   // those of the repository itself
	SubmodulesOff       Submodules = "off"
)

// CheckoutMode says how a new tree is made.
type CheckoutMode string

// The values of CheckoutMode.
const (
	CheckoutAuto    CheckoutMode = "auto"    // recycle where that is provably equal to a full checkout
	CheckoutRecycle CheckoutMode = "recycle" // the same, without waiting for the grace to pass
	CheckoutFull    CheckoutMode = "full"    // always from nothing
)

// GC says when unreachable objects are dropped from the store.
type GC string

// The values of GC.
const (
	GCAuto       GC = "auto"       // when what is unreachable may outweigh what is kept
	GCAlways     GC = "always"     // after every update
	GCAggressive GC = "aggressive" // after every update, repacked as tightly as git can
	GCOff        GC = "off"
)

// Options says what to keep where. The zero values of the optional fields are
// the plain choices: full history, no filter, every submodule off.
type Options struct {
	Git  *git.Git
	Log  logr.Logger
	Root string // may be relative or go through symlinks; created when absent
	Link string // published link; relative means below Root
	// Layout names the trees.
	Layout Layout

	URL string // without user and password
	// Ref is a branch, a tag, a full hash, a name that begins with refs/, or
	// empty or "HEAD" for the remote's default branch.
	Ref        string
	Depth      int    // commits of history; 0 is all of it
	Filter     string // partial clone: git's --filter
	Submodules Submodules
	// SparseFile holds the patterns of a sparse checkout; read at each sync.
	SparseFile string
	Checkout   CheckoutMode
	// StaleTimeout is how long a replaced tree stays.
	StaleTimeout time.Duration
	// Permissions, when not 0, is the mode given to the files checked out.
	Permissions fs.FileMode
	GroupWrite  bool
	GC          GC
	// Config is the user's extra git configuration, already part of Git; what
	// in it can change the content of a checkout makes trees differ.
	Config []git.KV
	// Poll says how the remote is asked.
	Poll remote.Poll
	// RefPattern, a glob of tag names as path.Match has it, and RefSemver, a
	// range of versions, choose the highest matching tag instead of Ref.
	RefPattern, RefSemver string
	// RefPinned refuses a tag that has moved since it was published.
	RefPinned bool
	// Verify says which signature a revision needs to be published.
	Verify Verify
	// Trust holds the keys whose signatures count.
	Trust git.Trust
	// Progress, when set, hears of long fetches and checkouts; of every step where
	// ProgressLive says that somebody looks on. git and the server report each
	// per cent of even the smallest fetch then, which takes as long as the fetch.
	Progress     func(git.Progress)
	ProgressLive bool
	// Now is time.Now when nil.
	Now func() time.Time
}

// Tree is a complete checkout of one commit.
type Tree struct {
	Hash string // the commit, in hex
	Ref  string // what it was asked for as, in full where the remote said so
	Path string // absolute; where it is now, until Publish returns it with its final path
	New  bool   // false: it is published and intact already, there is nothing to do

	rel string // its place below the root
	rec record
	oid string // what the ref itself held: the commit, or an annotated tag
}

// Revision is what is published.
type Revision struct {
	Hash  string
	Ref   string    // empty until this process has asked the remote
	Path  string    // absolute path of the tree
	Since time.Time // when the link was flipped to it
	// Unfit says why it is not to be used, in a clause; empty when nothing is
	// known against it.
	Unfit string
}
