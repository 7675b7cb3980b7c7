#!/bin/sh
# Builds an OpenTelemetry Collector once (two minutes on two cores) and prints where it is. The key of the cache is the list of
# what it is made of.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/whodid-tests/otelcol-$(cat "$here/go.sum" "$here/manifest.yaml" | sha256sum | cut -c1-12)
if [ ! -x "$cache/otelcol" ]; then
  mkdir -p "$cache/build"
  export GOFLAGS="-buildvcs=false -p=2" GOPROXY="$(go env GOPROXY | sed 's/,direct$//')"
  GOBIN=$cache go install -trimpath go.opentelemetry.io/collector/cmd/builder@v0.160.0 >&2
  cp "$here/manifest.yaml" "$cache/manifest.yaml"
  # Writes main.go and components.go; go.mod and go.sum are ours, since making them anew would need modules that only tests need.
  (cd "$cache" && ./builder --config manifest.yaml --skip-strict-versioning --skip-get-modules --skip-compilation >&2)
  cp "$here/go.mod" "$here/go.sum" "$cache/build/"
  (cd "$cache/build" && go build -mod=mod -trimpath -ldflags='-s -w' -o ../otelcol.new . >&2)
  mv "$cache/otelcol.new" "$cache/otelcol"
  rm -rf "$cache/build" "$cache/builder"
fi
printf '%s\n' "$cache/otelcol"
