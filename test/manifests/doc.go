// Package manifests holds the YAML of docs, examples and test/e2e to what Kubernetes really accepts: every document is decoded
// strictly by the types of the API, kustomizations are built, git-sync's arguments are parsed by git-sync, and the pods of the
// examples pass pod security "restricted".
//
// It is a module of its own, so that the product's go.mod knows nothing of Kubernetes.
package manifests
