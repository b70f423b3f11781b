// Package push has no code of its own: its tests push to real repositories over real
// ssh, whose hooks tell pkg/receiver, or the whole of git-sync, what was pushed, as each
// of the forges would.
package push
