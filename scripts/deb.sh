#!/usr/bin/env bash
# deb.sh: build the Debian packages into build/deb from a copy of the sources, without root and without a network: Go's
# modules must be there, and are once `make all` has run.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
version=$(scripts/version.sh)

"${BASH:-bash}" scripts/need.sh debhelper libibverbs-dev librdmacm-dev
changelog=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
if [ "$changelog" != "$version" ]; then
  echo "deb.sh: packaging/debian/changelog is at $changelog, the library at $version: add an entry" >&2
  exit 1
fi

out=build/deb
source=$out/jiajia-$version
rm -rf "$out"
mkdir -p "$source"
tar --exclude=./build --exclude=./.git --exclude=./packaging/debian -cf - . | tar -xf - -C "$source"
cp -r packaging/debian "$source/debian"

# debhelper takes HOME away; Go's caches are where they were.
GOMODCACHE=$("$go" env GOMODCACHE) GOCACHE=$("$go" env GOCACHE)
GO=$(command -v "$go")
export GO GOMODCACHE GOCACHE GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-mod=readonly
unset MAKEFLAGS MAKELEVEL
log=$out/build.log
if ! (cd "$source" && DEB_BUILD_OPTIONS="nocheck noautodbgsym" dpkg-buildpackage -b -us -uc) > "$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -rf "$source"
ls "$out"/*.deb
