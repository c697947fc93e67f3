/* core_network.pml -- the serving side of each host, the evictor, and the start. One small process for each message
 * slot: it acts on the message whenever it likes. */

/* GetPage at the home: mark the page shared and protect it, strictly before reading it word by word (P7). */
proctype ServeFetch(byte a) {
  byte home;
end: do
#ifdef BUG_READ_BEFORE_MARK
  :: d_step { get_step[a]==1 -> home=HOME(get_page[a]);
       page_data[a*NWORDS]=frame[HW(home,get_page[a],0)]; get_step[a]=2; home=0 }
  :: d_step { get_step[a]==2 -> home=HOME(get_page[a]);
       page_data[a*NWORDS+1]=frame[HW(home,get_page[a],1)]; get_step[a]=3; home=0 }
  :: d_step { get_step[a]==3 -> home=HOME(get_page[a]);
       if :: state[HP(home,get_page[a])]==HomeUntracked || state[HP(home,get_page[a])]==HomeIdle ->
             state[HP(home,get_page[a])]=HomeClean :: else fi;
       announced[HP(home,get_page[a])]=0; get_step[a]=4; home=0 }
#else
  :: d_step { get_step[a]==1 ->
       home=HOME(get_page[a]);
# if defined(VAR_MARKS) && defined(VAR_SERVE_TAKES_MARK)
       if :: marked[get_page[a]] -> marked[get_page[a]]=0; LEARN_READ(home,get_page[a]) :: else fi;
# endif
       if :: state[HP(home,get_page[a])]==HomeIdle -> state[HP(home,get_page[a])]=HomeClean
          :: state[HP(home,get_page[a])]==HomeUntracked -> state[HP(home,get_page[a])]=SERVED_UNTRACKED
# ifdef BUG_SERVE_CLEANS        /* a dirty home page is protected by the serve, and nobody logs it */
          :: state[HP(home,get_page[a])]==HomeDirty -> state[HP(home,get_page[a])]=HomeClean
# endif
# ifdef VAR_SERVE_CLEANS_LOGS   /* ... and is logged there and then */
          :: state[HP(home,get_page[a])]==HomeDirty -> state[HP(home,get_page[a])]=HomeClean; LOG_AT_FLUSH(home,get_page[a])
# endif
          :: else fi;
# ifndef BUG_UNTRACK_DESPITE_FETCH
       announced[HP(home,get_page[a])]=0;
# endif
       home=0; get_step[a]=2 }
  :: d_step { get_step[a]==2 -> home=HOME(get_page[a]);
       page_data[a*NWORDS]=frame[HW(home,get_page[a],0)]; get_step[a]=3; home=0 }
  :: d_step { get_step[a]==3 -> home=HOME(get_page[a]);
       page_data[a*NWORDS+1]=frame[HW(home,get_page[a],1)]; get_step[a]=4; home=0 }
#endif
  od
}

/* Diff at the home: only the changed words are stored (P3); DiffAck after the last one (P2). */
proctype ServeDiff(byte i; byte p) {
  byte home;
end: do
#ifdef BUG_READ_MODIFY   /* read the page, patch it, write all of it back */
  :: d_step { unacked[i]==1 -> home=HOME(p);
       merged[i*NWORDS]=((diff_mask[i]&1) -> diff_data[i*NWORDS] : frame[HW(home,p,0)]);
       merged[i*NWORDS+1]=((diff_mask[i]&2) -> diff_data[i*NWORDS+1] : frame[HW(home,p,1)]); unacked[i]=2; home=0 }
  :: d_step { unacked[i]==2 -> home=HOME(p);
       frame[HW(home,p,0)]=merged[i*NWORDS]; frame[HW(home,p,1)]=merged[i*NWORDS+1];
       merged[i*NWORDS]=0; merged[i*NWORDS+1]=0;
       unacked[i]=0; diff_mask[i]=0; diff_data[i*NWORDS]=0; diff_data[i*NWORDS+1]=0; home=0 }
#else
  :: d_step { unacked[i]==1 -> home=HOME(p);
       if :: diff_mask[i]&1 -> frame[HW(home,p,0)]=diff_data[i*NWORDS] :: else fi; unacked[i]=2; home=0 }
  :: d_step { unacked[i]==2 -> home=HOME(p);
       if :: diff_mask[i]&2 -> frame[HW(home,p,1)]=diff_data[i*NWORDS+1] :: else fi;
       unacked[i]=0; diff_mask[i]=0; diff_data[i*NWORDS]=0; diff_data[i*NWORDS+1]=0; home=0 }
#endif
  od
}

/* LockReq at the manager, LockFwd at the last holder (P12). A LockFwd may overtake the receiver's own LockGrant: the
 * requester is then kept as its one `next`. */
proctype ServeLock(byte h; byte l) {
  byte other;
end: do
  :: atomic { lock_req[HL(h,l)] -> other=tail[l]; tail[l]=h; lock_req[HL(h,l)]=0;
       assert(lock_fwd[HL(other,l)]==0 && other!=h); lock_fwd[HL(other,l)]=h+1; other=0 }
  :: atomic { lock_fwd[HL(h,l)] -> other=lock_fwd[HL(h,l)]-1; lock_fwd[HL(h,l)]=0; assert(next[HL(h,l)]==0);
       if :: token[HL(h,l)]==Free -> GRANT(l,h,other)
#ifdef BUG_NO_NEXT   /* only a holder remembers who comes next: the LockFwd is taken to come after the grant */
          :: token[HL(h,l)]==Held -> next[HL(h,l)]=other+1
          :: else -> skip
#else
          :: else -> next[HL(h,l)]=other+1
#endif
       fi; other=0 }
  od
}

/* The root of the barrier: all have arrived, combine what they announce, release all. */
#if NHOSTS==2
# define ALL_ARRIVED (bar_arrive[0]&&bar_arrive[1])
# define COMBINE(p) release_writers[p]=((arrive_pages[0]>>(p))&1)|(((arrive_pages[1]>>(p))&1)<<1)
#else
# define ALL_ARRIVED (bar_arrive[0]&&bar_arrive[1]&&bar_arrive[2])
# define COMBINE(p) \
    release_writers[p]=((arrive_pages[0]>>(p))&1)|(((arrive_pages[1]>>(p))&1)<<1)|(((arrive_pages[2]>>(p))&1)<<2)
#endif
proctype ServeBarrier() {
end: do
  :: d_step { ALL_ARRIVED -> COMBINE(0);
#if NPAGES==2
       COMBINE(1);
#endif
       bar_arrive[0]=0; bar_arrive[1]=0; bar_release[0]=1; bar_release[1]=1; arrive_pages[0]=0; arrive_pages[1]=0;
#if NHOSTS==3
       bar_arrive[2]=0; bar_release[2]=1; arrive_pages[2]=0
#endif
     }
  od
}

/* Eviction: at any time a dirty page is written back, at any time a clean one whose diff is acknowledged is dropped. */
proctype Evict(byte h; byte p) {
end: do
  :: atomic { state[HP(h,p)]==Dirty && CAN_FLUSH(h,p) -> SEND_DIFF(h,p); LOG_AT_FLUSH(h,p) }
#ifdef BUG_REFETCH_BEFORE_ACK
  :: d_step { state[HP(h,p)]==ReadOnly -> state[HP(h,p)]=Absent; frame[HW(h,p,0)]=0; frame[HW(h,p,1)]=0 }
#else
  :: d_step { state[HP(h,p)]==ReadOnly && ACKED(h,p) -> state[HP(h,p)]=Absent; frame[HW(h,p,0)]=0; frame[HW(h,p,1)]=0 }
#endif
  od
}

/* VAR_OPEN_IDLE: a store opens idle pages beside its own, too. */
#ifdef VAR_OPEN_IDLE
proctype OpenIdle(byte p) {
end: do
  :: atomic { state[HP(HOME(p),p)]==HomeIdle -> state[HP(HOME(p),p)]=HomeUntracked }
  od
}
#endif

/* A fetch that no access asked for, at any time, n times. */
proctype Prefetch(byte h; byte a; byte p; byte n) {
end: do
  :: n>0 && state[HP(h,p)]==Absent && !fetching[HP(h,p)] -> n--; FETCH(h,a,p)
  od
}

/* ---- the start ---- */
#ifndef FIRST_STATE     /* of home pages */
#define FIRST_STATE HomeUntracked
#endif
byte ii, jj; /* loop counters of the start, and of the stories' init */
inline INIT() {
  ii=0;
  do :: ii<NPAGES -> state[HP(HOME(ii),ii)]=FIRST_STATE; ii++ :: else -> break od;
  ii=0;
  do :: ii<NLOCKS -> tail[ii]=ii%NHOSTS; token[HL(ii%NHOSTS,ii)]=Free; ii++ :: else -> break od; /* manager: id mod hosts */
  ii=0
}
/* -DNO_EVICTION; stories define NO_LOCKS or NO_BARRIER when they use none, which saves states. */
inline START_NETWORK() {
#ifdef VAR_MARKS
  ii=0; do :: ii<NACTORS -> if :: READS_BY_MESSAGE(ii) -> run ServeFetch(ii) :: else -> run ReadPage(ii) fi; ii++ :: else -> break od;
# ifdef VAR_MARKS_ANYTIME
  ii=0; do :: ii<NPAGES -> run TakeMark(ii); ii++ :: else -> break od;
# endif
#else
  ii=0; do :: ii<NACTORS -> run ServeFetch(ii); ii++ :: else -> break od;
#endif
  ii=0; do :: ii<NHOSTS -> jj=0; do :: jj<NPAGES ->
              if :: HOME(jj)!=ii -> run ServeDiff(HS(ii,jj,0),jj);
#if NSLOTS==2
                 run ServeDiff(HS(ii,jj,1),jj);
#endif
#ifndef NO_EVICTION
                 run Evict(ii,jj)
#endif
              :: else fi; jj++ :: else -> break od; ii++ :: else -> break od;
#ifdef VAR_OPEN_IDLE
  ii=0; do :: ii<NPAGES -> run OpenIdle(ii); ii++ :: else -> break od;
#endif
#ifndef NO_LOCKS
  ii=0; do :: ii<NHOSTS -> jj=0; do :: jj<NLOCKS -> run ServeLock(ii,jj); jj++ :: else -> break od; ii++
        :: else -> break od;
#endif
#ifndef NO_BARRIER
  run ServeBarrier();
#endif
  ii=0; jj=0
}
