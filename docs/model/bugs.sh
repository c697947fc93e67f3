#!/usr/bin/env bash
# bugs.sh [quick | SWITCH ...]: plant each bug in the model and see that a story finds it: a checker that cannot fail proves
# nothing. With `quick` seven bugs, with switches only those. Exit status 0 when every one is found.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
export CFLAGS=${CFLAGS:--O0} # an error is found soon: the compiler would take longer than the search

# The rule that the bug breaks, the bug, the story that finds it. q: quick.
bugs='
  P1 BUG_CLEAR_LOG            story_counter
  P1 BUG_LOG_BEFORE_PROTECT   story_threads -DHOSTS=3 -DHOME_AT=2
  P1 BUG_LOG_AFTER_PROTECT    story_threads -DHOSTS=3 -DHOME_AT=2
  P1 BUG_LOG_DIRTY_ONLY       story_nested -DPAGES=2 -DHOME_AT=1
  P2 BUG_DOUBLE_FLUSH         story_counter -DTWICE
  P2 BUG_REFETCH_BEFORE_ACK   story_counter -DTWICE
  P3 BUG_WHOLE_PAGE           story_own
q P3 BUG_READ_MODIFY          story_own
  P4 BUG_NO_ACK               story_counter
  P4 BUG_OWN_ACKS             story_counter
  P5 BUG_NEW_MARK_LOCALLY     story_handover -DHOME_AT=0
q P6 BUG_NO_DOOM              story_threads -DHOME_AT=1
  P6 BUG_DROP_REDIRTIED       story_threads -DHOME_AT=1
  P7 BUG_READ_BEFORE_MARK     story_flip
  P7 BUG_UNTRACK_ANY          story_flip
  P7 BUG_UNTRACK_ANY_WRITER   story_flip
  P7 BUG_UNTRACK_AT_ARRIVAL   story_epoch -DROUNDS=2
  P7 BUG_UNTRACK_DESPITE_FETCH story_flip
  P7 BUG_SERVE_CLEANS         story_flip -DHOSTS=3
  P7 BUG_HOME_NOT_PROTECTED   story_counter
  P8 BUG_INVALIDATE_HOME      story_counter
  P9 BUG_DROP_ALL_NOTICES     story_epoch
q P9 BUG_MARK_AT_EXIT         story_epoch -DPHASES=2
  P9 BUG_FORGET_IN_FLIGHT     story_latediff
  P10 BUG_NO_EPOCH_WAIT       story_epoch -DHOME_AT=1
  P11 BUG_RESET_VERSION       story_epoch -DROUNDS=2
  P12 BUG_NO_NEXT             story_counter -DHOSTS=3 -DROUNDS=1
  P12 BUG_NO_BOUND            fairness -DTHREADS
  P13 BUG_DROP_NOTICE         story_counter
q P13 BUG_NO_RETAIN           story_counter -DHOSTS=3 -DROUNDS=1
  P14 BUG_SECOND_TWIN         story_threads -DHOME_AT=1
q P15 BUG_MARK_AFTER_READ     story_flip -DVAR_MARKS
  P15 BUG_IGNORE_MARKS        story_flip -DVAR_MARKS
  P15 BUG_NO_MARKS_AT_UNLOCK  story_threads -DVAR_MARKS -DHOME_AT=0
  P15 BUG_NO_MARKS_AT_BARRIER story_flip -DVAR_MARKS
  P15 BUG_TAKE_MARKS_LATE     story_flip -DVAR_MARKS
  P15 BUG_MARK_MAKES_CLEAN    story_flip -DVAR_MARKS
  P15 BUG_MARK_KEEPS_IDLE     story_own -DVAR_MARKS
  P15 BUG_MARK_KEEPS_ANNOUNCED story_epoch -DROUNDS=2 -DVAR_MARKS
  P15 BUG_CLEAR_MARK_LATE     story_epoch -DROUNDS=2 -DVAR_MARKS
q P15 BUG_SERVE_FORGETS_MARK  story_flip -DHOSTS=3 -DVAR_MARKS -DBY_MESSAGE=2
  P15 BUG_NO_HOME_FENCE       fence
  P15 BUG_NO_READER_FENCE     fence
  P16 BUG_OFFER_FIRST         words
  P16 BUG_OFFER_KEPT          words
  P16 BUG_NO_VERSION          words
  P16 BUG_TAKE_INCOMPLETE     words
  P17 BUG_CLAIM_WRITTEN       claim -DHOSTS=2 -DNO_REACH
q P17 BUG_OLD_SERVES          claim -DNO_REACH -DRELEASES=0 -DPEEKS=0
  P17 BUG_CLAIM_UNTRACKED     claim -DWRITER=1 -DNO_REACH -DRELEASES=0
  P17 BUG_WRITE_BLANK         claim -DNO_REACH -DRELEASES=0
  P17 BUG_FORGET_MARK         claim -DHOSTS=2 -DALL_REACH -DPEEKS=0
  P17 BUG_DISCARD_LATE        claim -DHOSTS=2 -DALL_REACH -DPEEKS=0 -DRELEASES=0
  P17 BUG_READ_UNDECIDED      claim -DWRITER=1 -DALL_REACH -DRELEASES=0
q P22 BUG_ONE_RENDEZVOUS      cut -DPHASES=2
  P22 BUG_MARK_LATE           cut -DPHASES=2
  P22 BUG_NO_COPY             cut -DPHASES=2
  P22 BUG_NO_GATE             cut -DPHASES=2
  P22 BUG_OPEN_EARLY          cut -DPHASES=2
  P22 BUG_FORGET_STORES       cut
  P22 BUG_FORGET_FAILED       cut
  scope -                     story_scope
  async BUG_TWIN_COPY         async
  async BUG_OWN_ACKS          async
  async BUG_SCAN_LATE         async
  home BUG_NO_DEFER           migrate
  home BUG_OLD_SERVES         migrate -DTHREADS -DNHOSTS=2
  home BUG_SERVE_ACROSS       migrate -DTHREADS -DNHOSTS=2
  home BUG_SELF_DIFF          migrate -DTHREADS -DNHOSTS=2
  home BUG_NO_DOOM            migrate -DTHREADS -DNHOSTS=2
  home BUG_NO_HOLD            migrate -DKEEP_OWN
  home BUG_NO_PIN             migrate -DKEEP_OWN
'

found=0 missed=0
while read -r -a words; do
  [ ${#words[@]} -gt 0 ] || continue
  quick=
  if [ "${words[0]}" = q ]; then quick=1 words=("${words[@]:1}"); fi
  rule=${words[0]} bug=${words[1]} story=("${words[@]:2}")
  case "${1:-}" in
    "") ;;
    quick) [ -n "$quick" ] || continue ;;
    *) case " $* " in *" $bug "*) ;; *) continue ;; esac ;;
  esac
  [ "$bug" = - ] || story+=("-D$bug")
  printf '%-5s ' "$rule"
  ./mc.sh "${story[@]}"
  if [ $? -eq 1 ]; then found=$((found + 1)); else missed=$((missed + 1)); fi
done <<< "$bugs"
echo "planted bugs: $found found, $missed missed"
[ "$missed" -eq 0 ] && [ "$found" -gt 0 ]
