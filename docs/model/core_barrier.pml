/* core_barrier.pml -- the barrier, called by one thread of each host. h the host, a the thread, p the page, l the lock. */

/* Announcing is part of the collection: a home remembers what it announced itself (P7). */
#define ANNOUNCE(h,p) \
  if :: IN_INTERVAL(h,p) -> arrive_pages[h]=arrive_pages[h]|(1<<(p)); \
        if :: HOME(p)==(h) -> announced[HP(h,p)]=1 :: else fi \
     :: else fi

/* A host invalidates what any other host wrote. */
#define BARRIER_INVALIDATE(h,p) if :: (release_writers[p]&~(1<<(h))) -> INVALIDATE(h,p) :: else fi

/* A home page needs no tracking once every copy of it is gone: the home announced it, so all others have invalidated
 * or will before they leave, and nobody fetched it since. Only the home itself can know the second half (P7). */
#ifdef BUG_UNTRACK_ANY_WRITER
# define MAY_UNTRACK(h,p) (release_writers[p]!=0)
#else
# ifdef BUG_UNTRACK_ANY
#  define MAY_UNTRACK(h,p) true
# else
#  define MAY_UNTRACK(h,p) (announced[HP(h,p)])
# endif
#endif
#define UNTRACK(h,p) \
  if :: HOME(p)==(h) && MAY_UNTRACK(h,p) -> \
        if :: state[HP(h,p)]==HomeClean -> state[HP(h,p)]=HomeIdle \
           :: state[HP(h,p)]==HomeDirty -> state[HP(h,p)]=HomeUntracked \
           :: else fi \
     :: else fi; \
  announced[HP(h,p)]=0

/* Leaving barrier k: lock notices collected by a barrier up to k have done their work, newer ones have not (P9). */
#ifdef BUG_DROP_ALL_NOTICES
# define DROP_NOTICE(h,l,p) notice_version[HL(h,l)*NPAGES+(p)]=0; notice_count[HL(h,l)*NPAGES+(p)]=0
#else
# define DROP_NOTICE(h,l,p) \
    if :: notice_version[HL(h,l)*NPAGES+(p)] && notice_count[HL(h,l)*NPAGES+(p)]<=epoch[h] -> \
          notice_version[HL(h,l)*NPAGES+(p)]=0; notice_count[HL(h,l)*NPAGES+(p)]=0 \
       :: else fi
#endif

/* A page that somebody else flushed after the barrier's own flush may have its diff still under way. Its notices say
 * nothing yet, since who fetches it after this barrier may be served first: so it belongs to the next interval too (P9). */
#ifdef BUG_FORGET_IN_FLIGHT
# define LOG_IN_FLIGHT(h,p) skip
#else
# define LOG_IN_FLIGHT(h,p) if :: !ACKED(h,p) -> LOG(h,p) :: else fi
#endif

inline BARRIER(h,a) {
  FLUSH_FOR_BARRIER(h); AWAIT_ACKS(h);
  atomic { ANNOUNCE(h,0);
#if NPAGES==2
    ANNOUNCE(h,1);
#endif
#ifndef BUG_MARK_AT_EXIT
    OPEN_INTERVAL(h);               /* the next interval begins where this one was collected (P9) */
#endif
    LOG_IN_FLIGHT(h,0);
#if NPAGES==2
    LOG_IN_FLIGHT(h,1);
#endif
    collections[h]=collections[h]+1;
#ifdef BUG_UNTRACK_AT_ARRIVAL
    UNTRACK(h,0);
# if NPAGES==2
    UNTRACK(h,1);
# endif
#endif
    bar_arrive[h]=1 };
  atomic { bar_release[h] -> bar_release[h]=0 };
  BARRIER_INVALIDATE(h,0);
#if NPAGES==2
  BARRIER_INVALIDATE(h,1);
#endif
  atomic {
#ifdef BUG_MARK_AT_EXIT
    OPEN_INTERVAL(h);
#endif
    UNTRACK(h,0); DROP_NOTICE(h,0,0);
#if NPAGES==2
    UNTRACK(h,1); DROP_NOTICE(h,0,1);
#endif
#if NLOCKS==2
    DROP_NOTICE(h,1,0);
# if NPAGES==2
    DROP_NOTICE(h,1,1);
# endif
#endif
#ifdef BUG_RESET_VERSION   /* whoever has the lock begins to count its versions again */
    if :: token[HL(h,0)]==Free -> version[0]=0 :: else fi;
#endif
    epoch[h]=epoch[h]+1 }           /* the invalidations are complete (P10) */
}
