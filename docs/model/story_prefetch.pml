/* Speculative fetches: beside the program of each host that is not the home, a prefetcher asks for the page PREFETCHES
 * times, whenever it likes; the answer may come before, while or after an invalidation is carried out. Word 0 is a
 * counter under lock 0, word 1 is written by the home and read a barrier later. -DHOSTS, -DROUNDS, -DPREFETCHES;
 * -DWRITE_FIRST: the home writes before its scope begins. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef PREFETCHES
#define PREFETCHES 3
#endif
#define NHOSTS HOSTS
#define NPAGES 1
#define NLOCKS 1
#define NACTORS (2*HOSTS)
#define HOME(p) 0
#include "core.pml"
proctype T(byte me) {
  byte n=0;
  do :: n<ROUNDS -> n++;
#ifdef WRITE_FIRST
       if :: me==0 -> WRITE(me,me,0,1,n) :: else fi;
       LOCK(me,me,0); INCREMENT(me,me,0,0); UNLOCK(me,me,0);
#else
       LOCK(me,me,0); INCREMENT(me,me,0,0); UNLOCK(me,me,0);
       if :: me==0 -> WRITE(me,me,0,1,n) :: else fi;
#endif
       BARRIER(me,me);
       if :: me!=0 -> READ(me,me,0,1) :: else fi;
       BARRIER(me,me)
     :: else -> break od
}
init { atomic { INIT(); START_NETWORK(); ii=0;
  do :: ii<NHOSTS -> run T(ii); if :: ii!=0 -> run Prefetch(ii,NHOSTS+ii,0,PREFETCHES) :: else fi; ii++
     :: else -> break od;
  ii=0 } }
