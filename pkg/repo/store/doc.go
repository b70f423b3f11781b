// Package store manages the git directories of a root: that of the root itself, and one for each submodule. Both have
// the same type. It hides how objects are fetched (fetch.go, modules.go), how damage is proved (integrity.go), how a
// store is replaced (replace.go), how the leftovers of a kill are removed (heal.go), and how garbage is collected
// while syncs go on (collect.go).
//
// # Invariants
//
// A git directory is ours if it has the marker, which is written first. Only a store that is proved to be corrupt is
// replaced. A check that was killed, timed out or could not read proves nothing, and changes nothing. A new store is
// built beside the old one. The two are exchanged when the tree for which the new one was made is complete.
//
// # Garbage
//
// A simpler way would be to fetch from the old store into a new one, and to exchange the two. That does not work for
// three reasons. Consumers may stage, commit or lock something in a published tree: that is in the admin directories,
// and would be lost if it happens between the copy and the exchange. A partial clone lacks objects that the server
// side of a fetch needs. A sync that fetches meanwhile makes it necessary to start over. So what is reachable is
// copied into packs while syncs go on, and the lock is held only for some renames. A push never waits for a
// collection.
package store
