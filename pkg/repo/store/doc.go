// Package store keeps git directories of ours: that of a root, and one for each
// submodule, which are of the same type. It hides how objects get in (fetch.go,
// modules.go), how damage is proved (integrity.go), how a store is replaced
// (replace.go), what a kill leaves (heal.go), and how garbage is collected beside
// syncs (collect.go).
//
// # Invariants
//
// A git directory is ours when its marker is there, which is written first. Only what
// is proved to be corrupt is replaced: a check that was killed, that timed out or
// could not read means "unknown", and changes nothing. A store is built aside, and
// exchanged for the old one when the tree that it was made for is complete.
//
// # Garbage
//
// The simple way, to fetch from the old store into a new one and to exchange the two,
// does not keep the promises of collect.go: what consumers have staged, committed or
// locked in a published tree lives in the admin directories and would be lost between
// their copy and the exchange; a partial clone cannot be fetched from, for it lacks
// objects that the server side wants; and a fetch that comes meanwhile means to begin
// anew. So what is reachable is copied into packs beside syncs, and the lock is held
// for some renames only. A push of any size never waits for a collection.
package store
