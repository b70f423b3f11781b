// Package receiver receives the push webhooks of forges.
//
// It hides what differs between forges: the headers that name the sender and the event, how a
// delivery is signed, and where the body has the ref, the repository and the commits. Each forge is
// one row of a table (forges.go), and each kind of body one type (payload.go). The path of a
// delivery through the code is the same for all:
//
//  1. the method, and the forge that sends;
//  2. a place among the deliveries that are read at the same time;
//  3. tokens, and the form of signatures: a delivery that cannot be proved is refused here, and its
//     body is not read;
//  4. the body, at most MaxBody bytes within BodyTime;
//  5. the signature, in constant time, over the raw body, or over the JSON in a form if the forge
//     signs that;
//  6. the event, the JSON, the repository and the ref.
//
// # Invariants
//
// A delivery is parsed only after its sender has proved that it knows the secret. A sender that is
// refused (401, 403) gets a status and no text. A delivery triggers each target at most once, and
// only after step 6.
//
// Memory is bounded: the number of bodies that are read at the same time, how many of them may be
// large, and what is kept of their JSON.
//
// A delivery is forwarded to peers at most once (peers.go): a forwarded delivery is marked, and a marked one is verified but
// not forwarded. At most two deliveries are kept for the same targets, besides those whose senders wait.
//
// # State
//
// The places in use, the deliveries that are being forwarded, the ID and default branch of each repository, and when each kind
// of result was logged. Deliveries are not remembered: a replayed one causes one poll. Trigger combines many pushes into one sync.
package receiver
