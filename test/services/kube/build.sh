#!/bin/sh
# Builds kube-apiserver once (six minutes on two cores) and prints where it is. The key of the cache is the list of what it is made of.
# A module of its own, with the versions of all it needs: Kubernetes' staging modules are replaced by their published ones.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/whodid-tests/kube-apiserver-$(sha256sum "$here/go.sum" | cut -c1-12)
if [ ! -x "$cache/kube-apiserver" ]; then
  mkdir -p "$cache"
  GOFLAGS="-buildvcs=false -p=2 -modfile=$here/go.mod" GOPROXY=$(go env GOPROXY | sed 's/,direct$//') \
    go build -C "$here" -trimpath -ldflags='-s -w' -o "$cache/kube-apiserver.new" k8s.io/kubernetes/cmd/kube-apiserver >&2
  mv "$cache/kube-apiserver.new" "$cache/kube-apiserver"
fi
printf '%s\n' "$cache/kube-apiserver"
