// Package remote polls a remote repository: it finds the commit of a branch, a tag, or a pattern of tags.
//
// It hides how the remote is polled. Over HTTP, it uses the line protocol of git's transport helper (`git
// remote-https`), and [PollPersistent] keeps that process between polls. Over ssh, it runs ssh with git-upload-pack.
// Both need one process, and a server with protocol v2 sends only the wanted refs. In all other cases, and after a
// failure, it runs `git ls-remote`, which has the best error messages.
//
// For the reasons and the gain see docs/decisions/0018 and docs/performance.md.
//
// State: the kept connection, what is known about the server, and the last answer, which the remotes of one [Pool]
// share.
package remote
