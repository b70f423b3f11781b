// Package receiver receives the push webhooks of forges.
//
// It hides what the forges do differently: which headers name the sender and the
// event, how a delivery is signed, and where in the body the ref, the repository and
// the commits are. All of that is one table (forges.go); the path through the code is
// the same for every row.
//
// # The order of things
//
// A delivery is taken apart only after it has been proved to come from a sender who
// knows the secret:
//
//  1. method, and which forge (by headers, when it is to be found out);
//  2. a place among the bounded number of deliveries that are read at once;
//  3. credentials that need no body (tokens), and the form of signatures: a sender who has
//     none, or one that cannot be right, is refused before a byte of the body is read;
//  4. the body, at most MaxBody bytes within BodyTime;
//  5. the signature, in constant time: over the raw body, or over the JSON of a form where
//     the forge signs that;
//  6. only now the event, the JSON, the repository and the ref.
//
// # Invariants
//
// A refused sender (401, 403) learns nothing. The answer to a verified one says
// what came of its delivery. Nothing but the outcome of steps 1 to 6 calls Trigger, and
// a delivery calls it once at most for each target.
//
// Memory is bounded whatever arrives: the number of bodies that are being read, how
// many of them may be large, and the depth of their JSON; the rest of a body is looked
// through, not kept.
//
// A replayed delivery is not recognised as such: all that it can cause is one poll.
//
// # State
//
// None beside counters of what is under way. A delivery is not
// remembered; coalescing those of one moment is the business of Trigger.
package receiver
