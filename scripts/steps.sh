#!/usr/bin/env bash
# steps.sh TARGET...: run each make target in turn, go on after a failure, and close with how many passed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 report=()
for step in "$@"; do
  printf '\n=== %s\n' "$step"
  began=$SECONDS
  if "${MAKE:-make}" --no-print-directory "$step" < /dev/null; then
    verdict=ok passed=$((passed + 1))
  else
    verdict=FAILED failed=$((failed + 1))
  fi
  report+=("$(printf '%-14s %-6s %5d s' "$step" "$verdict" $((SECONDS - began)))")
done

printf '\n=== summary\n'
printf '%s\n' "${report[@]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
