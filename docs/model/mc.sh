#!/usr/bin/env bash
# mc.sh STORY [-Dswitch ...]: let Spin check one model, story_counter or migrate, say, in all its interleavings.
# Prints one line:  STORY switches | HOLDS, ERROR or why there is no result | states | seconds of search | what was violated
# Exit status: 0 holds, 1 error found, 2 no result.
# Environment: MEMORY_MB (8000) and LIMIT_SECONDS (600) bound the search; TRAIL=n also prints the first n lines of the
# counterexample; CFLAGS (-O1) for the checker that Spin generates (-O2 pays for searches of minutes).
set -uo pipefail
story=${1:?usage: mc.sh STORY [-Dswitch ...]}
shift
switches=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$(dirname "$0")"/*.pml "$work"
cd "$work" || exit 2

no_result() {
  echo "$story${switches[*]:+ ${switches[*]}} | NO RESULT: $1"
  exit 2
}

# search "COMPILER SWITCHES" "PAN OPTIONS": one pass over the state space; sets verdict, adds to states and milliseconds.
verdict=HOLDS states=0 milliseconds=0 violated=
search() {
  # shellcheck disable=SC2086  # each argument holds several words
  gcc ${CFLAGS:--O1} -w $1 -DCOLLAPSE -DVECTORSZ=4096 -DMEMLIM="${MEMORY_MB:-8000}" -o pan pan.c ||
    no_result "the checker does not compile"
  local began=${EPOCHREALTIME/./}
  # shellcheck disable=SC2086
  timeout "${LIMIT_SECONDS:-600}" ./pan -m2000000 $2 > pan.out 2>&1
  milliseconds=$((milliseconds + (${EPOCHREALTIME/./} - began) / 1000))
  grep -q 'errors:' pan.out || no_result "stopped after ${LIMIT_SECONDS:-600} s"
  if ! grep -q 'errors: 0' pan.out; then
    verdict=ERROR
    violated=$(grep -Eom 1 '^pan:[0-9]+: .{0,90}' pan.out)
  elif grep -Eq 'Search not completed|max search depth too small' pan.out; then
    no_result "out of memory or depth, no error so far"
  fi
  states=$((states + $(awk '/states, stored/ { print $1 }' pan.out)))
}

spin -a "${switches[@]}" "$story.pml" > spin.out 2>&1 || { cat spin.out; no_result "Spin does not accept the model"; }
case " ${switches[*]} " in
  *" -DSEQ "*) search -DSAFETY -E ;;   # a log that is cut leaves threads waiting: assertions only
  *) search "-DSAFETY -DNOCLAIM" "" ;; # assertions and deadlocks
esac
if [ $verdict = HOLDS ] && grep -q '^ltl' "$story.pml"; then
  search -DNFAIR=6 "-a -f"             # the temporal claim, under weak fairness
fi

printf '%s | %s | %d states | %d.%d s%s\n' "$story${switches[*]:+ ${switches[*]}}" "$verdict" "$states" \
  $((milliseconds / 1000)) $((milliseconds % 1000 / 100)) "${violated:+ | $violated}"
if [ -n "${TRAIL:-}" ] && [ -f "$story.pml.trail" ]; then
  spin -t -p -g "${switches[@]}" "$story.pml" 2>&1 | grep -E 'proc|assert|invalid' | head -n "$TRAIL"
fi
[ $verdict = HOLDS ]
