#!/usr/bin/env bash
# demo.sh N [FOLDER]: run every example, of build/examples or FOLDER, on N processes of this machine. Each checks its own
# answer, prints a line about it, and says by its exit status whether the answer was right.
set -uo pipefail
n=${1:?usage: demo.sh PROCESSES [FOLDER]}
cd "$(dirname "$0")/.." && cd "${2:-build/examples}" || exit 1

passed=0 failed=0
processes="$n processes"
[ "$n" != 1 ] || processes="1 process"
printf 'The examples on %s, sharing one memory:\n\n' "$processes"
for program in *; do
  if [ ! -f "$program" ] || [ ! -x "$program" ]; then continue; fi
  if output=$(JIA_NPROC=$n timeout "${DEMO_SECONDS:-120}" "./$program" 2>&1 < /dev/null); then
    passed=$((passed + 1))
    printf '%s\n' "$output" | sed "s/^/  /"
  else
    status=$?
    failed=$((failed + 1))
    [ "$status" -eq 124 ] && output+=" (stopped after ${DEMO_SECONDS:-120} s)"
    printf '  %s: FAILED, exit status %d:\n' "$program" "$status"
    printf '%s\n' "$output" | sed 's/^/      /'
  fi
done
printf '\n%d of %d examples gave the right answer on %s.\n' "$passed" $((passed + failed)) "$processes"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
