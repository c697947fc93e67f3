/* Nested locks over falsely shared words. Lock 0 guards word 0 of page 0, lock 1 guards word 1 of page 0 (and word 0 of
 * page 1, -DPAGES=2). Every host nests, host 0 then takes lock 1 alone, the others go hand over hand.
 * -DHOSTS, -DHOME_AT (home of page 0), -DTWICE (write in the outer scope again after the inner one). */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef PAGES
#define PAGES 1
#endif
#define NHOSTS HOSTS
#define NPAGES PAGES
#define NLOCKS 2
#define NACTORS HOSTS
#ifndef HOME_AT
#define HOME_AT 0
#endif
#define HOME(p) ((p)==0 -> HOME_AT : 1)
#define NO_BARRIER
#include "core.pml"
#if NPAGES==2
#define INNER INCREMENT(me,me,0,1); INCREMENT(me,me,1,0)
#else
#define INNER INCREMENT(me,me,0,1)
#endif
proctype T(byte me) {
  LOCK(me,me,0); INCREMENT(me,me,0,0); LOCK(me,me,1); INNER; UNLOCK(me,me,1);
#ifdef TWICE
  INCREMENT(me,me,0,0);
#endif
  UNLOCK(me,me,0);
  if :: me==0 -> LOCK(me,me,1); INNER; UNLOCK(me,me,1)
     :: me!=0 -> LOCK(me,me,0); LOCK(me,me,1); INCREMENT(me,me,0,0); UNLOCK(me,me,0); INNER; UNLOCK(me,me,1)
  fi
}
init { atomic { INIT(); START_NETWORK(); ii=0; do :: ii<NHOSTS -> run T(ii); ii++ :: else -> break od; ii=0 } }
