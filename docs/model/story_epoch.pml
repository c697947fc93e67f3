/* Lock traffic that crosses barriers: in each host thread A calls PHASES barriers while thread B takes lock 0 ROUNDS
 * times. Word 0 is B's counter under the lock, word 1 is written by host 0's A and read by the others a barrier later.
 * -DHOSTS, -DHOME_AT (where the page lives), -DPHASES, -DROUNDS. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef HOME_AT
#define HOME_AT 0
#endif
#ifndef PHASES
#define PHASES 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define NHOSTS HOSTS
#define NPAGES 1
#define NLOCKS 1
#define NACTORS (2*HOSTS)
#define HOME(p) HOME_AT
#include "core.pml"
proctype A(byte h; byte me) {
  byte n=0;
  do :: n<PHASES -> n++;
       if :: h==0 && (n%2) -> WRITE(h,me,0,1,n) :: else fi;
       BARRIER(h,me);
       if :: h!=0 && (n%2) -> READ(h,me,0,1) :: else fi
     :: else -> break od
}
proctype B(byte h; byte me) {
  byte n=0;
  do :: n<ROUNDS -> n++; LOCK(h,me,0); INCREMENT(h,me,0,0); UNLOCK(h,me,0) :: else -> break od
}
init { atomic { INIT(); START_NETWORK(); ii=0;
  do :: ii<NHOSTS -> run A(ii,ii); run B(ii,NHOSTS+ii); ii++ :: else -> break od; ii=0 } }
