/* core_pages.pml -- faults, flushes and invalidations.
 * h the host, a the thread, p the page, w the word, v the value. */

#ifdef BUG_REFETCH_BEFORE_ACK
# define CAN_FETCH(h,p) true
#else
# define CAN_FETCH(h,p) ACKED(h,p)   /* P2: else the reply may lack the bytes just flushed */
#endif

/* FETCH asks the home for the page and installs the answer, unless an invalidation met it on the way (P6). */
inline FETCH(h,a,p) {
  if
  :: atomic { state[HP(h,p)]==Absent && !fetching[HP(h,p)] && CAN_FETCH(h,p) ->
       fetching[HP(h,p)]=1; doomed[HP(h,p)]=0; get_page[a]=p; get_host[a]=h; get_step[a]=1 }
     atomic { get_step[a]==4 ->
       if
#ifndef BUG_NO_DOOM
       :: doomed[HP(h,p)] -> doomed[HP(h,p)]=0          /* throw the reply away; the access faults again */
       :: !doomed[HP(h,p)] ->
#else
       :: true ->
#endif
            frame[HW(h,p,0)]=page_data[(a)*NWORDS]; frame[HW(h,p,1)]=page_data[(a)*NWORDS+1]; state[HP(h,p)]=ReadOnly
       fi;
       doomed[HP(h,p)]=0; page_data[(a)*NWORDS]=0; page_data[(a)*NWORDS+1]=0;
       get_page[a]=0; get_host[a]=0; get_step[a]=0; fetching[HP(h,p)]=0 }
  :: state[HP(h,p)]!=Absent -> skip
  fi
}

/* READ returns what the flat memory holds: that is the property checked. */
inline READ(h,a,p,w) {
  do
  :: atomic { state[HP(h,p)]!=Absent -> assert(frame[HW(h,p,w)]==flat[(p)*NWORDS+(w)]); break }
  :: state[HP(h,p)]==Absent -> FETCH(h,a,p)
  od
}

/* An entry at the first write is redundant: the flush makes one (P1). */
#if defined(VAR_LOG_AT_WRITE) || defined(BUG_LOG_DIRTY_ONLY)
# define LOG_AT_WRITE(h,p) LOG(h,p)
#else
# define LOG_AT_WRITE(h,p) skip
#endif

/* WRITE faults until the page is writable, and then stores. The store is a step of its own: between the fault and the
 * store the page may be protected or dropped again. Checking the state, copying the twin and opening the page is one
 * step (P14). */
inline WRITE(h,a,p,w,v) {
  do
  :: atomic { (state[HP(h,p)]==Dirty || state[HP(h,p)]==HomeUntracked || state[HP(h,p)]==HomeDirty) ->
       frame[HW(h,p,w)]=v; flat[(p)*NWORDS+(w)]=v; break }
#ifdef BUG_SECOND_TWIN   /* the twin is copied in a step after the check: of two faulting threads the second copies later */
  :: state[HP(h,p)]==ReadOnly;
     if :: atomic { (state[HP(h,p)]==ReadOnly || state[HP(h,p)]==Dirty) -> state[HP(h,p)]=Dirty; LOG_AT_WRITE(h,p);
             twin[HW(h,p,0)]=frame[HW(h,p,0)]; twin[HW(h,p,1)]=frame[HW(h,p,1)] }
        :: state[HP(h,p)]==Absent -> skip fi
#else
  :: atomic { state[HP(h,p)]==ReadOnly -> state[HP(h,p)]=Dirty; LOG_AT_WRITE(h,p);
       twin[HW(h,p,0)]=frame[HW(h,p,0)]; twin[HW(h,p,1)]=frame[HW(h,p,1)] }
#endif
  :: atomic { state[HP(h,p)]==HomeClean -> state[HP(h,p)]=HomeDirty; LOG_AT_WRITE(h,p) }
  :: atomic { state[HP(h,p)]==HomeIdle -> state[HP(h,p)]=HomeUntracked }
  :: state[HP(h,p)]==Absent -> FETCH(h,a,p)
  od
}
#define INCREMENT(h,a,p,w) READ(h,a,p,w); WRITE(h,a,p,w,flat[(p)*NWORDS+(w)]+1)  /* READ asserted frame == flat */

#ifdef BUG_WHOLE_PAGE
# define CHANGED(h,p) 3
#else
# define CHANGED(h,p) ((frame[HW(h,p,0)]!=twin[HW(h,p,0)]) | ((frame[HW(h,p,1)]!=twin[HW(h,p,1)])<<1))  /* P3 */
#endif

#ifdef BUG_LOG_DIRTY_ONLY
# define LOG_AT_FLUSH(h,p) skip
#else
# ifdef BUG_CLEAR_LOG           /* a flush takes the page out of the log */
#  define LOG_AT_FLUSH(h,p) UNLOG(h,p)
# else
#  define LOG_AT_FLUSH(h,p) LOG(h,p)
# endif
#endif

/* SEND_DIFF, inside an atomic: protect the page, snapshot what differs from the twin, drop the twin. */
byte slot; /* scratch, zero between steps */
inline SEND_DIFF(h,p) {
  slot=FREE_SLOT(h,p);
  diff_mask[slot]=CHANGED(h,p);
  if :: diff_mask[slot]!=0 -> unacked[slot]=1;
        diff_data[slot*NWORDS]=((diff_mask[slot]&1) -> frame[HW(h,p,0)] : 0);
        diff_data[slot*NWORDS+1]=((diff_mask[slot]&2) -> frame[HW(h,p,1)] : 0)
     :: else fi;
  slot=0; twin[HW(h,p,0)]=0; twin[HW(h,p,1)]=0; state[HP(h,p)]=ReadOnly
}

/* FLUSH makes one page clean: protect, log and take the diff in ONE step (P1). A tracked home page has no diff, but is
 * protected and logged all the same (P7). */
inline FLUSH(h,p) {
  if
#ifdef BUG_LOG_BEFORE_PROTECT
  :: atomic { state[HP(h,p)]==Dirty && CAN_FLUSH(h,p) -> LOG_AT_FLUSH(h,p) };
     if :: atomic { state[HP(h,p)]==Dirty && CAN_FLUSH(h,p) -> SEND_DIFF(h,p) }
        :: atomic { state[HP(h,p)]!=Dirty -> skip } fi
#else
# ifdef BUG_LOG_AFTER_PROTECT
  :: atomic { state[HP(h,p)]==Dirty && CAN_FLUSH(h,p) -> SEND_DIFF(h,p) }; atomic { LOG_AT_FLUSH(h,p) }
# else
  :: atomic { state[HP(h,p)]==Dirty && CAN_FLUSH(h,p) -> SEND_DIFF(h,p); LOG_AT_FLUSH(h,p) }
# endif
#endif
#ifdef BUG_HOME_NOT_PROTECTED
  :: atomic { state[HP(h,p)]==HomeDirty -> skip }
#else
  :: atomic { state[HP(h,p)]==HomeDirty -> state[HP(h,p)]=HomeClean; LOG_AT_FLUSH(h,p) }
#endif
  :: atomic { state[HP(h,p)]!=Dirty && state[HP(h,p)]!=HomeDirty -> skip }
  fi
}
#if NPAGES==1
# define FLUSH_ALL(h) FLUSH(h,0)
#else
# define FLUSH_ALL(h) FLUSH(h,0); FLUSH(h,1)
#endif

/* Before anybody is told: every Diff of the host is acknowledged, whoever sent it (P4). */
#ifdef BUG_NO_ACK
# define AWAIT_ACKS(h) skip
#else
# define AWAIT_ACKS(h) (ALL_ACKED(h))
#endif
#define FLUSH_OWN(h,p) if :: (state[HP(h,p)]==Dirty || state[HP(h,p)]==HomeDirty) -> FLUSH(h,p); ACKED(h,p) :: else fi

/* INVALIDATE drops one page, or dooms its fetch in flight (P6). A page that was written again while its flush was
 * waiting is flushed again. The home's copy is always current and stays (P8). */
inline INVALIDATE(h,p) {
#ifdef BUG_INVALIDATE_HOME
  if :: true ->
#else
  if :: HOME(p)==h -> skip
     :: HOME(p)!=h ->
#endif
  do
  :: atomic { state[HP(h,p)]==Absent -> if :: fetching[HP(h,p)] -> doomed[HP(h,p)]=1 :: else fi; break }
  :: atomic { state[HP(h,p)]==ReadOnly && ACKED(h,p) ->
       state[HP(h,p)]=Absent; frame[HW(h,p,0)]=0; frame[HW(h,p,1)]=0; break }
#ifdef BUG_DROP_REDIRTIED  /* drop after the acknowledgement without looking at the page again */
  :: state[HP(h,p)]==Dirty -> FLUSH(h,p);
     atomic { ACKED(h,p) -> state[HP(h,p)]=Absent; frame[HW(h,p,0)]=0; frame[HW(h,p,1)]=0;
       twin[HW(h,p,0)]=0; twin[HW(h,p,1)]=0; break }
#else
  :: state[HP(h,p)]==Dirty -> FLUSH(h,p)
#endif
  od
  fi
}
