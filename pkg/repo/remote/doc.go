// Package remote finds out what a remote repository has: which commit a branch,
// a tag or a pattern of tags is at.
//
// It hides how the remote is asked. Over HTTP, git's transport helper
// (`git remote-https`) is asked by its line protocol, and with [PollPersistent]
// kept between polls; over ssh, ssh runs git-upload-pack. Both are one process,
// and a server that speaks protocol v2 sends only the refs in question. In all
// other cases, and after any failure, `git ls-remote` asks: its messages
// explain best what is wrong.
//
// What that gains is in docs/decisions/0018 and docs/performance.md.
//
// State: the kept connection, what the last poll said about the server, and its
// answer, which remotes of one [Pool] share.
package remote
