// Package server is the HTTP interface for operators: probes, status, metrics, profiles.
//
// It hides the names of the metrics, the rules of readiness and liveness, the status page, and the limits that make
// it safe to expose a server in a cluster.
//
// # Invariants
//
// No handler waits for a loop, for git or for the remote: each answers from the syncs' reports, which are copies. So
// /livez can report that a loop is stuck.
//
// A process with one unnamed sync shows only that. If syncs have names, each has its own paths below /status/ and
// /readyz/ and a label "sync", and the other paths are about all of them.
//
// Everything that is served first passes the scrubber in Options, so that it contains no secret.
//
// A Server serves metrics and profiles. ServeOnly serves pushes on a port of their own, and nothing else: an ingress
// that reaches one port does not reach the other.
//
// The number of time series is limited: labels come from fixed sets, except the hash and the ref of the published
// revision, of which there is one at a time.
//
// # State
//
// The histograms and the counters of deliveries, for each Server. Nothing is registered globally, so that two servers
// can be in one process.
package server
