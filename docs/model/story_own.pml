/* False sharing without locks: word 0 of a page belongs to host 0, word 1 to host 1. Phase: write the own word; barrier;
 * read the other's; barrier. -DHOME_AT: at 0 one writer is the home, which writes while the other's diff is applied; at 2
 * (-DHOSTS=3) neither is. -DPHASES; -DSOMETIMES: host 1 writes in odd phases only; -DALTERNATE: the hosts take turns, so
 * that the last writer keeps its copy over the barrier. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef HOME_AT
#define HOME_AT 0
#endif
#ifndef PHASES
#define PHASES 2
#endif
#define NHOSTS HOSTS
#define NPAGES 1
#define NLOCKS 1
#define NACTORS HOSTS
#define HOME(p) HOME_AT
#define NO_LOCKS
#include "core.pml"
proctype T(byte me) {
  byte n=0;
  do :: n<PHASES -> n++;
       if
#ifdef ALTERNATE
          :: me==0 && n%2==0 -> WRITE(me,me,0,0,n)
          :: me==1 && n%2==1 -> WRITE(me,me,0,1,n)
          :: else -> skip
#else
          :: me==0 -> WRITE(me,me,0,0,n)
          :: me==1 ->
#ifdef SOMETIMES
             if :: n%2 -> WRITE(me,me,0,1,n) :: else fi
#else
             WRITE(me,me,0,1,n)
#endif
          :: else
#endif
       fi;
       BARRIER(me,me);
       if :: me!=0 -> READ(me,me,0,0) :: else fi;
       if :: me!=1 -> READ(me,me,0,1) :: else fi;
       BARRIER(me,me)
     :: else -> break od
}
init { atomic { INIT(); START_NETWORK(); ii=0; do :: ii<NHOSTS -> run T(ii); ii++ :: else -> break od; ii=0 } }
