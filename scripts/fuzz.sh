#!/usr/bin/env bash
# fuzz.sh: run each fuzz target of the Go packages for $FUZZTIME (10s; or 10000x, a number of inputs), one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
tags=$(scripts/tags.sh)
found=0
while IFS=: read -r file line; do
  name=${line#func }
  name=${name%%(*}
  found=$((found + 1))
  echo "fuzz $(dirname "$file") $name"
  "$go" test -tags "$tags" -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" "$(dirname "$file")" < /dev/null
done < <(grep -rE --include='*_test.go' --exclude-dir=build '^func Fuzz[A-Za-z0-9_]*\(' . | sort)
[ "$found" -gt 0 ] || { echo "fuzz.sh: no fuzz target found" >&2; exit 1; }
