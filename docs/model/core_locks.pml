/* core_locks.pml -- locks and the scopes they guard.
 * h the host, a the thread, l the lock, r the host that gets the token, p the page. */

/* The notices in a LockGrant: those newer than what the acquirer has seen (P13). The granter keeps its own list, for
 * another host may have seen less. */
#ifdef BUG_DROP_NOTICE
# define GRANT_NOTICE(l,h,r,p) grant_version[(l)*NPAGES+(p)]=0; grant_count[(l)*NPAGES+(p)]=0;
#else
# define COPY_NOTICE(l,h,r,p) \
    grant_version[(l)*NPAGES+(p)]= \
      (notice_version[HL(h,l)*NPAGES+(p)]>seen[HL(r,l)] -> notice_version[HL(h,l)*NPAGES+(p)] : 0); \
    grant_count[(l)*NPAGES+(p)]=(grant_version[(l)*NPAGES+(p)] -> notice_count[HL(h,l)*NPAGES+(p)] : 0);
# ifdef BUG_NO_RETAIN
#  define GRANT_NOTICE(l,h,r,p) COPY_NOTICE(l,h,r,p) \
    notice_version[HL(h,l)*NPAGES+(p)]=0; notice_count[HL(h,l)*NPAGES+(p)]=0;
# else
#  define GRANT_NOTICE(l,h,r,p) COPY_NOTICE(l,h,r,p)
# endif
#endif
#define MERGE_NOTICE(l,h,p) \
  if :: grant_version[(l)*NPAGES+(p)] -> notice_version[HL(h,l)*NPAGES+(p)]=grant_version[(l)*NPAGES+(p)]; \
        notice_count[HL(h,l)*NPAGES+(p)]=grant_count[(l)*NPAGES+(p)] \
     :: else fi; \
  grant_version[(l)*NPAGES+(p)]=0; grant_count[(l)*NPAGES+(p)]=0

/* GRANT, inside an atomic: the token leaves h for r. */
inline GRANT(l,h,r) {
  grant_to[l]=(r)+1; token[HL(h,l)]=Elsewhere; grant_epoch[l]=epoch[h];
  GRANT_NOTICE(l,h,r,0)
#if NPAGES==2
  GRANT_NOTICE(l,h,r,1)
#endif
}

/* LOCK takes a token that is at hand, or asks for it, invalidates what the grant names and then opens the scope (P5).
 * It returns in the granter's epoch or later (P10). */
inline LOCK(h,a,l) {
  do
  :: atomic { token[HL(h,l)]==Free -> token[HL(h,l)]=Held; OPEN_SCOPE(h,l); break }   /* the last holder: no message */
  :: atomic { token[HL(h,l)]==Elsewhere && !requested[HL(h,l)] -> requested[HL(h,l)]=1; lock_req[HL(h,l)]=1 };
     atomic { grant_to[l]==(h)+1 ->
       to_invalidate[a]=(grant_version[(l)*NPAGES]!=0);
#if NPAGES==2
       to_invalidate[a]=to_invalidate[a]|((grant_version[(l)*NPAGES+1]!=0)<<1);
#endif
       grant_to[l]=0; requested[HL(h,l)]=0; token[HL(h,l)]=Held; seen[HL(h,l)]=version[l];
       MERGE_NOTICE(l,h,0);
#if NPAGES==2
       MERGE_NOTICE(l,h,1)
#endif
     };
#ifndef BUG_NO_EPOCH_WAIT
     atomic { epoch[h]>=grant_epoch[l] -> grant_epoch[l]=0 };
#endif
     if :: to_invalidate[a]&1 -> INVALIDATE(h,0) :: else fi;
#if NPAGES==2
     if :: to_invalidate[a]&2 -> INVALIDATE(h,1) :: else fi;
#endif
     atomic { to_invalidate[a]=0; OPEN_SCOPE(h,l); break }
#ifdef VAR_LOCAL_HANDOVER
  :: atomic { token[HL(h,l)]==Held -> local_waiting[HL(h,l)]++ };
     if :: atomic { token[HL(h,l)]==Passing -> token[HL(h,l)]=Held; local_waiting[HL(h,l)]--;
# ifdef BUG_NEW_MARK_LOCALLY
            OPEN_SCOPE(h,l);
# endif
            break }
        :: atomic { token[HL(h,l)]==Free -> token[HL(h,l)]=Held; local_waiting[HL(h,l)]--; OPEN_SCOPE(h,l); break }
        :: atomic { token[HL(h,l)]==Elsewhere -> local_waiting[HL(h,l)]-- }
     fi
#endif
  od
}

#define COLLECT_NOTICE(h,l,p) \
  if :: IN_SCOPE(h,l,p) -> notice_version[HL(h,l)*NPAGES+(p)]=version[l]; notice_count[HL(h,l)*NPAGES+(p)]=collections[h] \
     :: else fi

/* RELEASE, inside an atomic: version, notices, end of the scope, and the token to the next host or to nobody (P4). */
inline RELEASE(h,l) {
  version[l]=version[l]+1; COLLECT_NOTICE(h,l,0);
#if NPAGES==2
  COLLECT_NOTICE(h,l,1);
#endif
  CLOSE_SCOPE(h,l); seen[HL(h,l)]=version[l];
#ifdef VAR_LOCAL_HANDOVER
  local_passes[HL(h,l)]=0;
#endif
  if :: next[HL(h,l)] -> GRANT(l,h,next[HL(h,l)]-1); next[HL(h,l)]=0
     :: else -> token[HL(h,l)]=Free fi
}

#define MAY_PASS(h,l) (local_waiting[HL(h,l)]>0 && local_passes[HL(h,l)]<MAX_LOCAL_PASSES)

inline UNLOCK(h,a,l) {
#ifdef VAR_LOCAL_HANDOVER   /* to a thread of this host: no flush, no message, and the scope stays open (P5) */
  if
  :: atomic { MAY_PASS(h,l) -> local_passes[HL(h,l)]++; token[HL(h,l)]=Passing }
  :: atomic { !MAY_PASS(h,l) -> skip };
#endif
#ifdef BUG_OWN_ACKS  /* wait only for the flushes that this unlock started */
  FLUSH_OWN(h,0);
# if NPAGES==2
  FLUSH_OWN(h,1);
# endif
#else
  FLUSH_FOR_UNLOCK(h); AWAIT_ACKS(h);
#endif
  atomic { RELEASE(h,l) }
#ifdef VAR_LOCAL_HANDOVER
  fi
#endif
}
