// Package server is what operators see over HTTP: probes, status, metrics, profiles.
//
// It hides the names of the metrics, the rules of readiness and liveness, the status
// page, and the limits that keep a server safe to expose to a cluster.
//
// # Invariants
//
// No handler waits for the loop, for git or for the remote: each answers from the last
// report that Observe was given, and from sources that only copy counters. That is why
// /livez can tell that the loop is stuck.
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
// The last report, the histograms, and counters of deliveries; all of it per Server.
// Nothing is registered globally, so that two servers can live in one process.
package server
