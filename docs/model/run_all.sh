#!/usr/bin/env bash
# run_all.sh [quick]: check every story that must hold; with `quick` only those that take seconds.
# Exit status 0 when all hold.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# For short searches the compiler takes longer than the search.
[ "${1:-}" != quick ] || export CFLAGS=${CFLAGS:--O0}

# q: quick. The longest take a minute or two.
stories='
q story_counter -DTWICE
  story_counter -DHOSTS=3 -DROUNDS=2
q story_flip -DHOSTS=3
  story_flip -DHOSTS=3 -DPAGES=2
  story_flip -DPAGES=2 -DPHASES=6
q story_own
  story_own -DHOSTS=3 -DHOME_AT=2 -DPHASES=3
q story_own -DALTERNATE -DPHASES=3
q story_nested
  story_nested -DHOSTS=3
  story_nested -DPAGES=2 -DTWICE
q story_threads -DHOME_AT=1
q story_threads -DHOME_AT=0
  story_threads -DTWICE -DROUNDS=2 -DHOME_AT=1
  story_threads -DTWICE -DROUNDS=2 -DHOME_AT=0
  story_threads -DHOSTS=3 -DHOME_AT=2
  story_threads -DHOSTS=3 -DHOME_AT=0
q story_epoch
  story_epoch -DROUNDS=2
  story_epoch -DROUNDS=2 -DHOME_AT=1
  story_epoch -DPHASES=2
  story_latediff
q story_prefetch -DPREFETCHES=1
  story_prefetch
q story_handover -DHOME_AT=0
  story_handover -DROUNDS=2
q story_scope -DNO_EVICTION
  story_flip -DHOSTS=3 -DVAR_SERVE_CLEANS_LOGS
  story_threads -DHOSTS=3 -DHOME_AT=2 -DVAR_LOG_AT_WRITE
  story_flip -DPAGES=2 -DPHASES=6 -DVAR_OPEN_IDLE
q story_counter -DVAR_MARKS
  story_counter -DHOSTS=3 -DVAR_MARKS
q story_flip -DHOSTS=3 -DVAR_MARKS
  story_flip -DHOSTS=3 -DVAR_MARKS -DVAR_MARKS_ANYTIME
q story_flip -DHOSTS=3 -DVAR_MARKS -DBY_MESSAGE=2
  story_flip -DHOSTS=3 -DVAR_MARKS -DBY_MESSAGE=2 -DVAR_SERVE_TAKES_MARK
  story_flip -DHOSTS=3 -DVAR_MARKS -DVAR_MARKS_ANYTIME -DBY_MESSAGE=2 -DVAR_OPEN_IDLE
  story_flip -DPAGES=2 -DPHASES=6 -DVAR_MARKS -DVAR_MARKS_ANYTIME
  story_flip -DPAGES=2 -DPHASES=6 -DVAR_MARKS -DBY_MESSAGE=1
  story_flip -DPHASES=6 -DVAR_MARKS -DFIRST_STATE=HomeIdle
q story_own -DVAR_MARKS
  story_own -DHOSTS=3 -DHOME_AT=2 -DPHASES=3 -DVAR_MARKS -DBY_MESSAGE=2
  story_own -DALTERNATE -DPHASES=3 -DVAR_MARKS
  story_nested -DPAGES=2 -DTWICE -DVAR_MARKS
  story_threads -DHOSTS=3 -DHOME_AT=0 -DVAR_MARKS
  story_threads -DHOSTS=3 -DHOME_AT=0 -DVAR_MARKS -DBY_MESSAGE=4
  story_threads -DHOSTS=3 -DHOME_AT=2 -DVAR_MARKS
  story_epoch -DROUNDS=2 -DVAR_MARKS
  story_epoch -DROUNDS=2 -DVAR_MARKS -DVAR_MARKS_ANYTIME
  story_epoch -DROUNDS=2 -DVAR_MARKS -DBY_MESSAGE=2
  story_epoch -DROUNDS=2 -DVAR_MARKS -DHOME_AT=1
  story_epoch -DPHASES=2 -DVAR_MARKS -DVAR_MARKS_ANYTIME
  story_latediff -DVAR_MARKS
  story_prefetch -DVAR_MARKS
  story_prefetch -DVAR_MARKS -DBY_MESSAGE=8
  story_handover -DHOME_AT=0 -DROUNDS=2 -DVAR_MARKS
  story_threads -DSEQ -DSEQMAX=12 -DVAR_MARKS -DHOME_AT=0
q fence
q story_counter -DSEQ -DSEQMAX=12
  story_threads -DSEQ -DSEQMAX=12
  words
q words -DHOSTS=2 -DROUNDS=4
q claim -DHOSTS=2 -DALL_REACH
  claim -DHOSTS=2 -DALL_REACH -DPHASES=2
  claim -DPEEKS=0 -DONE_WRITER
  claim -DWRITER=1 -DRELEASES=0
  claim -DNO_REACH -DRELEASES=0
q cut -DPHASES=2
  cut
q fairness
q fairness -DTHREADS
q migrate
  migrate -DKEEP_OWN -DTWO
  migrate -DTHREADS -DNHOSTS=2
q async
q async -DVAR_LOG_LATE
'

passed=0 failed=0
while read -r -a words; do
  [ ${#words[@]} -gt 0 ] || continue
  if [ "${words[0]}" = q ]; then
    words=("${words[@]:1}")
  elif [ "${1:-}" = quick ]; then
    continue
  fi
  if ./mc.sh "${words[@]}"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done <<< "$stories"
echo "stories: $passed hold, $failed do not"
[ "$failed" -eq 0 ]
