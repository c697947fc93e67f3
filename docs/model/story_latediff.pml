/* A diff under way while its host's barrier is collected. Host 0 is the home. In host 1 thread A calls two barriers while
 * thread B writes word 0 once under lock 0; an eviction may flush that write after the barrier's own flush. Host 2 looks at
 * the page after barrier 1, before the diff has come in, and after barrier 2 reads the word under the lock. */
#define NHOSTS 3
#define NPAGES 1
#define NLOCKS 1
#define NACTORS 4
#define HOME(p) 0
bit written;
#include "core.pml"
proctype A(byte h; byte me) { BARRIER(h,me); BARRIER(h,me) }
proctype B() { LOCK(1,3,0); WRITE(1,3,0,0,1); UNLOCK(1,3,0); written=1 }
proctype Reader() {
  BARRIER(2,2);
  do :: state[HP(2,0)]!=Absent -> break :: state[HP(2,0)]==Absent -> FETCH(2,2,0) od;
  BARRIER(2,2);
  (written==1); LOCK(2,2,0); READ(2,2,0,0); UNLOCK(2,2,0)
}
init { atomic { INIT(); START_NETWORK(); run A(0,0); run A(1,1); run Reader(); run B() } }
