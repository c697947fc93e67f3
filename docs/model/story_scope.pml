/* What scope consistency does not promise: word 0 of page 0 is written BEFORE lock(0) and read by the next holder of
 * lock 0. It is there as long as nobody flushes the page in between: this story ends in an assertion with evictions
 * and holds with -DNO_EVICTION. */
#define NHOSTS 3
#define NPAGES 2
#define NLOCKS 2
#define NACTORS 3
#define HOME(p) ((p)==0 -> 2 : 0)
#define NO_BARRIER
#include "core.pml"
bit flag; /* scaffolding: host 0 locks again after host 1 unlocked */
proctype T(byte me) {
  if :: me==1 -> WRITE(me,me,0,0,1); LOCK(me,me,0); WRITE(me,me,1,0,1); UNLOCK(me,me,0); flag=1
     :: me==0 -> LOCK(me,me,0);
        do :: state[HP(me,0)]!=Absent -> break :: state[HP(me,0)]==Absent -> FETCH(me,me,0) od; /* an old copy */
        UNLOCK(me,me,0);
        (flag==1); LOCK(me,me,0); READ(me,me,0,0); UNLOCK(me,me,0)
     :: else fi
}
init { atomic { INIT(); START_NETWORK(); ii=0; do :: ii<NHOSTS -> run T(ii); ii++ :: else -> break od; ii=0 } }
