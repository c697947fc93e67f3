/* Barriers and the home rule. Page 0 lives on host 0, page 1 (-DPAGES=2) on host 1. In phase n the home writes word n%2 of
 * its page and every other host reads the other word, written one phase ago: a host that leaves a barrier early fetches
 * the page while its home is still inside, and the home writes on. -DHOSTS, -DPAGES, -DPHASES. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef PAGES
#define PAGES 1
#endif
#ifndef PHASES
#define PHASES 4
#endif
#define NHOSTS HOSTS
#define NPAGES PAGES
#define NLOCKS 1
#define NACTORS HOSTS
#define HOME(p) (p)
#define NO_LOCKS
#include "core.pml"
proctype T(byte me) {
  byte n=0;
  do :: n<PHASES ->
       if :: me==0 -> if :: n%2==0 -> WRITE(me,me,0,0,n+1) :: else -> WRITE(me,me,0,1,n+1) fi
          :: me!=0 -> if :: n%2==0 -> READ(me,me,0,1) :: else -> READ(me,me,0,0) fi
       fi;
#if NPAGES==2
       if :: me==1 -> if :: n%2==0 -> WRITE(me,me,1,0,n+1) :: else -> WRITE(me,me,1,1,n+1) fi
          :: me!=1 -> if :: n%2==0 -> READ(me,me,1,1) :: else -> READ(me,me,1,0) fi
       fi;
#endif
       BARRIER(me,me); n++
     :: else -> break od
}
init { atomic { INIT(); START_NETWORK(); ii=0; do :: ii<NHOSTS -> run T(ii); ii++ :: else -> break od; ii=0 } }
