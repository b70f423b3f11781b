// Package server is what operators see over HTTP: probes, status, metrics, profiles.
//
// It hides the names of the metrics, the rules of readiness and liveness, the status
// page, and the limits that keep a server safe to expose to a cluster.
//
// # Invariants
//
// No handler waits for a loop, for git or for the remote: each answers from the syncs'
// reports, which are copies. That is why /livez can say that a loop is stuck.
//
// A process with one sync that has no name shows it alone. Where syncs have names, each
// has paths of its own below /status/ and /readyz/ and a label "sync", and the other
// paths are about all of them.
//
// What is served passes the scrubber given in Options first; no secret is in it.
//
// Metrics and profiles are served by a Server, and pushes on a port of their own by
// ServeOnly, which knows nothing else: what an ingress can reach by the one is not there by
// the other.
//
// The number of time series is bounded: labels come from fixed sets, but for the hash and the ref of
// the published revision, of which there is one at a time.
//
// # State
//
// The histograms, and counters of deliveries; all of it per Server.
// Nothing is registered globally, so that two servers can live in one process.
package server
