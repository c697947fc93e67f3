#!/usr/bin/env bash
# notices.sh [FILE]: check that FILE (THIRD-PARTY) has, word for word, the licence of every module that the library or a
# command is linked with, and Go's own, where Go comes with it.
set -euo pipefail
file=$(realpath "${1:-$(dirname "$0")/../THIRD-PARTY}")
cd "$(dirname "$0")/.."
go=${GO:-go}

notices=$(cat "$file")
status=0
has() { # FILE WHAT
  case $notices in
    *"$(cat "$1")"*) ;;
    *) echo "notices.sh: $file lacks the licence of $2: $1" >&2; status=1 ;;
  esac
}
if [ -e "$("$go" env GOROOT)/LICENSE" ]; then has "$("$go" env GOROOT)/LICENSE" Go; fi

# Licences may also lie beside single packages.
count=0
while read -r package dir top; do
  while :; do
    for licence in "$dir"/{LICENSE,LICENCE,COPYING,NOTICE}*; do
      if [ -f "$licence" ]; then has "$licence" "$package"; count=$((count + 1)); fi
    done
    [ "$dir" != "$top" ] || break
    dir=${dir%/*}
  done
done < <("$go" list -deps -f '{{with .Module}}{{if not .Main}}{{$.ImportPath}} {{$.Dir}} {{.Dir}}{{end}}{{end}}' ./cabi ./cmd/... | grep .)
if [ "$count" -eq 0 ]; then echo "notices.sh: no module has a licence" >&2; status=1; fi
exit "$status"
