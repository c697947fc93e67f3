#!/usr/bin/env bash
# asan.sh: run the tests of every Go package that holds C code with that code compiled under the address sanitizer.
# (The fault handler's package installs handlers for SIGSEGV and SIGBUS; the sanitizer leaves those two alone.)
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}

mapfile -t packages < <("$go" list -f '{{if and .CgoFiles (or .TestGoFiles .XTestGoFiles)}}{{.ImportPath}}{{end}}' ./core/... ./epoll/...)
[ ${#packages[@]} -gt 0 ] || { echo "asan.sh: no package holds both C code and tests" >&2; exit 1; }
export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:detect_leaks=0
"$go" test -asan "${packages[@]}"
