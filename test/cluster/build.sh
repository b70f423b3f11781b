#!/usr/bin/env bash
# build.sh WORK: WORK/bin/kube-node, every program of a Kubernetes node as one binary, and WORK/bin/helm, from the Go module proxy.
# Go's cache of them is WORK/gocache (3.2 GB): about 25 CPU minutes the first time, seconds afterwards.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
w=$(realpath "$1")
version=$(sed -n 's/^\tk8s.io\/kubernetes v//p' "$here/node/node.mod")
minor=${version#1.}
export GOFLAGS='-buildvcs=false -trimpath' CGO_ENABLED=0 GOWORK=off
mkdir -p "$w/build" "$w/bin" "$w/pause"
go build -ldflags '-s -w' -o "$w/pause/pause" "$here/node/pause.go"
cp "$here/node/main.go" "$w/build/main.go"
cp "$here/node/node.mod" "$w/build/go.mod"
cp "$here/node/node.sum" "$w/build/go.sum"
cd "$w/build"
v=k8s.io/component-base/version
GOCACHE=$w/gocache go build -ldflags "-s -w -X $v.gitVersion=v$version -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*} -X $v.gitTreeState=clean" -o "$w/bin/kube-node" main.go
GOCACHE=$w/gocache go build -ldflags '-s -w' -o "$w/bin/helm" helm.sh/helm/v3/cmd/helm
