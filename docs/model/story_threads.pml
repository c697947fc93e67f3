/* Two threads of host 0 share its copy of one page: lock 0 guards word 0, lock 1 guards word 1. One thread's unlock cleans
 * what the other wrote; an invalidation by one meets the other's fetch. -DHOME_AT=0: their host is the home, 1: it is
 * not. -DHOSTS=3: a third host joins in; -DROUNDS: of host 0's threads; -DTWICE: the other hosts take lock 0 again. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef HOME_AT
#define HOME_AT 1
#endif
#define NHOSTS HOSTS
#define NPAGES 1
#define NLOCKS 2
#define NACTORS (HOSTS+1)
#define HOME(p) HOME_AT
#define NO_BARRIER
#ifndef ROUNDS
#define ROUNDS 1
#endif
#include "core.pml"
proctype T0(byte me) {
  byte n=0;
  do :: n<ROUNDS -> n++; LOCK(0,me,0); INCREMENT(0,me,0,0); UNLOCK(0,me,0) :: else -> break od
}
proctype T1(byte me) {
  byte n=0;
  do :: n<ROUNDS -> n++; LOCK(0,me,1); INCREMENT(0,me,0,1); UNLOCK(0,me,1) :: else -> break od
}
proctype T2(byte me; byte h) {
  LOCK(h,me,0); INCREMENT(h,me,0,0); UNLOCK(h,me,0);
  LOCK(h,me,1); INCREMENT(h,me,0,1); UNLOCK(h,me,1);
#ifdef TWICE
  LOCK(h,me,0); INCREMENT(h,me,0,0); UNLOCK(h,me,0);
#endif
}
init { atomic { INIT(); START_NETWORK(); run T0(0); run T1(1); run T2(2,1);
#if HOSTS==3
  run T2(3,2);
#endif
} }
