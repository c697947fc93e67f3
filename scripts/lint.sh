#!/usr/bin/env bash
# lint.sh: what can be said against the sources without running them. Prints every complaint, not only the first tool's.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
go=${GO:-go}
status=0

# verdict NAME STATUS: report how a tool ended.
verdict() {
  if [ "$2" -eq 0 ]; then echo "  $1: clean"; else echo "  $1: FAILED" >&2; status=1; fi
}

# files PATTERN: the project's own files by name.
files() {
  find . \( -path ./build -o -path ./.git \) -prune -o -type f -name "$1" -print | sort
}

formatted() {
  local list
  list=$(files '*.go' | xargs -r gofmt -l) || return 1
  [ -z "$list" ] || { printf '%s\n' "$list"; return 1; }
}

# The C files of Go packages, each by itself, with the headers that cgo generates. (Flags given to a whole `go build`
# would reach the C files of Go's own runtime, which are not free of warnings.)
c_in_go() {
  local package dir go_files c_files flags generated file bad=0
  while IFS='|' read -r package dir go_files c_files flags; do
    generated=$(mktemp -d)
    # shellcheck disable=SC2086  # lists of names and flags without spaces
    (cd "$dir" && "$go" tool cgo -objdir "$generated/" -importpath "$package" -- $flags $go_files) || bad=1
    for file in $c_files; do
      # shellcheck disable=SC2086
      gcc $flags -O2 -Wall -Wextra -Werror -fsyntax-only -Iinclude -I"$dir" -I"$generated" "$dir/$file" || bad=1
    done
    rm -rf "$generated"
  done < <("$go" list -tags "$tags" -f '{{if .CFiles}}{{.ImportPath}}|{{.Dir}}|{{join .CgoFiles " "}}|{{join .CFiles " "}}|{{join .CgoCFLAGS " "}}{{end}}' \
    ./... | grep .)
  return "$bad"
}

# Programs: each file by itself, but for those that are old C on purpose.
c_programs() {
  local file bad=0
  while read -r file; do
    gcc -std=gnu17 -O2 -fopenmp -Wall -Wextra -Werror -fsyntax-only -Iinclude "$file" || bad=1
  done < <(find c_examples tests -name '*.c' ! -path 'tests/header/*' ! -path 'c_examples/porting/*' ! -name 'old*.c' | sort)
  return "$bad"
}

scripts() {
  local list
  mapfile -t list < <(files '*.sh'; find .ci -type f; echo tests/lab/vm)
  shellcheck "${list[@]}"
}

# What is built with tags, and what is built without them.
tags=$(scripts/tags.sh) || exit 1
variants=("")
[ -z "$tags" ] || variants+=("$tags")

formatted
verdict gofmt $?
for variant in "${variants[@]}"; do
  "$go" vet -tags "$variant" ./...
  verdict "go vet${variant:+ with $variant}" $?
  "$go" tool staticcheck -tags "$variant" ./...
  verdict "staticcheck${variant:+ with $variant}" $?
done
c_in_go
verdict "C in Go packages" $?
c_programs
verdict "C programs" $?
scripts
verdict shellcheck $?
exit "$status"
