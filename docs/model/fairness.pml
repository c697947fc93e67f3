/* fairness.pml -- the lock rule by itself (P12), for ever: three hosts lock and unlock without end. The manager knows who
 * asked last and forwards to it; a holder has one successor and passes the token straight to it.
 * Checked in every state: mutual exclusion, one successor for a holder, no deadlock. And under weak fairness: every
 * request is granted.
 * -DTHREADS         host 0 has a second thread; a lock is handed between the two at most MAX_LOCAL_PASSES times while
 *                   another host waits
 * -DBUG_NO_BOUND    ... without that bound: the other hosts starve */
#define NHOSTS 3
#ifndef MAX_LOCAL_PASSES
#define MAX_LOCAL_PASSES 1
#endif
#define Elsewhere 0
#define Free      1
#define Held      2
#define Passing   3
byte token[NHOSTS];
byte next[NHOSTS];                      /* successor plus one */
byte tail;                              /* at the manager */
bit  lock_req[NHOSTS], requested[NHOSTS];
byte lock_fwd[NHOSTS];                  /* requester plus one */
byte grant_to;                          /* plus one */
byte inside;                            /* threads in the critical section */
byte local_waiting, local_passes;       /* of host 0 */
inline GRANT(h,r) { grant_to=(r)+1; token[h]=Elsewhere }
proctype ServeLock(byte h) {
  byte other;
end: do
  :: atomic { lock_req[h] -> lock_req[h]=0; other=tail; tail=h;
       assert(lock_fwd[other]==0 && other!=h); lock_fwd[other]=h+1; other=0 }
  :: atomic { lock_fwd[h] -> other=lock_fwd[h]-1; lock_fwd[h]=0; assert(next[h]==0);
       if :: token[h]==Free -> GRANT(h,other) :: else -> next[h]=other+1 fi; other=0 }
  od
}
proctype T(byte h) {
  do ::
    if :: atomic { token[h]==Free && next[h]==0 -> token[h]=Held }
       :: atomic { token[h]==Elsewhere && !requested[h] -> requested[h]=1; lock_req[h]=1 };
          atomic { grant_to==h+1 -> grant_to=0; requested[h]=0; token[h]=Held }
#ifdef THREADS
       :: atomic { h==0 && token[0]==Held -> local_waiting++ };
          atomic { token[0]==Passing -> token[0]=Held; local_waiting-- }
#endif
    fi;
    inside++; assert(inside==1); inside--;
    atomic {
#ifdef THREADS
      if
# ifdef BUG_NO_BOUND
      :: h==0 && local_waiting>0 -> token[0]=Passing
      :: !(h==0 && local_waiting>0) ->
# else
      :: h==0 && local_waiting>0 && (next[0]==0 || local_passes<MAX_LOCAL_PASSES) ->
           token[0]=Passing; if :: next[0] -> local_passes++ :: else fi
      :: !(h==0 && local_waiting>0 && (next[0]==0 || local_passes<MAX_LOCAL_PASSES)) ->
           if :: h==0 -> local_passes=0 :: else fi;
# endif
#endif
      if :: next[h] -> GRANT(h,next[h]-1); next[h]=0 :: else -> token[h]=Free fi
#ifdef THREADS
      fi
#endif
    }
  od
}
init { atomic { token[0]=Free; run T(0); run T(1); run T(2);
#ifdef THREADS
 run T(0);
#endif
 run ServeLock(0); run ServeLock(1); run ServeLock(2) } }
ltl granted { [] (requested[1] -> <> (token[1]==Held)) }
