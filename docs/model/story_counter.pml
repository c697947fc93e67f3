/* Counters under one lock: every host increments one word ROUNDS times, and reads it at the end. Page 0 lives on host 0.
 * -DHOSTS, -DROUNDS; -DTWICE writes the word twice in one scope, so that an eviction can fall between. */
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define NHOSTS HOSTS
#define NPAGES 1
#define NLOCKS 1
#define NACTORS HOSTS
#define HOME(p) 0
#define NO_BARRIER
#include "core.pml"
proctype T(byte me) {
  byte n=0;
  do :: n<ROUNDS -> n++; LOCK(me,me,0); INCREMENT(me,me,0,0);
#ifdef TWICE
       INCREMENT(me,me,0,0);
#endif
       UNLOCK(me,me,0)
     :: else -> break od;
  LOCK(me,me,0); READ(me,me,0,0); UNLOCK(me,me,0)
}
init { atomic { INIT(); START_NETWORK(); ii=0; do :: ii<NHOSTS -> run T(ii); ii++ :: else -> break od; ii=0 } }
