/* A lock handed between threads of one host without flush, message or invalidation.
 * Two threads of host 0 count word 0 under lock 0, a third counts word 1 of the page under lock 1: its unlock flushes
 * the page between their scopes. Host 1 counts word 0 too. -DHOME_AT, -DROUNDS; -DSECOND=2: the second thread only
 * reads (a reader between two writers), 0: it counts. */
#ifndef HOME_AT
#define HOME_AT 1
#endif
#ifndef SECOND
#define SECOND 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#define NHOSTS 2
#define NPAGES 1
#define NLOCKS 2
#define NACTORS 4
#define HOME(p) HOME_AT
#define NO_BARRIER
#define VAR_LOCAL_HANDOVER
#include "core.pml"
proctype C(byte h; byte me; byte n; byte w) {
  do :: n>0 -> n--; if :: w==0 -> LOCK(h,me,0); INCREMENT(h,me,0,0); UNLOCK(h,me,0)
                       :: w==2 -> LOCK(h,me,0); READ(h,me,0,0); UNLOCK(h,me,0)   /* a holder that only reads */
                       :: w==1 -> LOCK(h,me,1); INCREMENT(h,me,0,1); UNLOCK(h,me,1) fi :: else -> break od }
init { atomic { INIT(); START_NETWORK(); run C(0,0,ROUNDS,0); run C(0,1,ROUNDS,SECOND); run C(0,3,1,1); run C(1,2,2,0) } }
