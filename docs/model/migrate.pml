/* migrate.pml -- home migration at a barrier to the page's single writer. A small model of its own: one page of two words,
 * barrier phases and, with -DTHREADS, a second thread in each host that works under a lock while requests are in flight
 * across the barrier.
 *
 * Who the home is, is each host's own knowledge (home[h]), changed when the host leaves the barrier. A request carries
 * the sender's epoch: a host that has not come that far defers it, one that is no longer home forwards it. The old home,
 * when it leaves, unmaps the page and sends its content to the new one, which answers nothing before it has arrived.
 *
 * -DNHOSTS, -DPHASES, -DTWO (word 1 is written too, by another host), -DTHREADS
 * -DKEEP_OWN         no transfer: the new home goes on with its own copy, pinned from arrival to exit
 * -DBUG_NO_HOLD      KEEP_OWN; the arrival does not say whether the writer still has a copy
 * -DBUG_NO_PIN       KEEP_OWN; the copy may be evicted between arrival and exit
 * -DBUG_NO_DEFER     the new home answers before it has left the barrier, or before the transfer
 * -DBUG_OLD_SERVES   the old home goes on answering from its old frame
 * -DBUG_SERVE_ACROSS "am I the home" and reading the page are two steps
 * -DBUG_SELF_DIFF    the new home flushes its own dirty copy through the network before it takes over
 * -DBUG_NO_DOOM      a fetch in flight to the old home is installed although the page has migrated */
#ifndef NHOSTS
#define NHOSTS 3
#endif
#ifdef THREADS
#define NACTORS (2*NHOSTS)
#else
#define NACTORS NHOSTS
#endif
#ifndef PHASES
#define PHASES 2
#endif
#define Absent   0
#define ReadOnly 1
#define Dirty    2
#define Home     3                /* always tracked here: every write of the home is logged */
#define Awaiting 4                /* the new home, before the transfer has arrived */
#define NOBODY   255
byte flat[2];
byte state[NHOSTS], frame[NHOSTS*2], twin[NHOSTS*2];
byte home[NHOSTS];                /* whom this host takes for the home */
byte epoch[NHOSTS], collections[NHOSTS];
bit  fetching[NHOSTS], doomed[NHOSTS], pinned[NHOSTS];
bit  interval_page[NHOSTS];       /* the write log in set form: the page was logged since the barrier's mark */
bit  scope_page[NHOSTS], scope_open[NHOSTS];
byte get_step[NACTORS], get_home[NACTORS], get_epoch[NACTORS], page_data[NACTORS*2];             /* GetPage, Page */
byte unacked[NHOSTS], diff_home[NHOSTS], diff_epoch[NHOSTS], diff_mask[NHOSTS], diff_data[NHOSTS*2]; /* Diff, DiffAck */
bit  bar_arrive[NHOSTS], bar_release[NHOSTS], arrive_page[NHOSTS];
bit  holds[NHOSTS];               /* BarArrive says: I have a complete copy */
byte release_writers, new_home;   /* in BarRelease */
byte own_mask, own_data[2];       /* the new home's own writes, not acknowledged yet */
byte transfer_sent, transfer_to, transfer_data[2];
byte token;                       /* of the one lock: free at this host, or NOBODY while it is held */
bit  notice;                      /* its one notice */
byte grant_epoch;
#define ACKED(h) (unacked[h]==0)
#define CLEAR_FRAME(h) frame[h*2]=0; frame[h*2+1]=0
#define CLEAR_TWIN(h)  twin[h*2]=0; twin[h*2+1]=0
#define CLEAR_DIFF(i)  unacked[i]=0; diff_mask[i]=0; diff_home[i]=0; diff_epoch[i]=0; diff_data[i*2]=0; diff_data[i*2+1]=0
#define LOG(h)         interval_page[h]=1; scope_page[h]=scope_page[h]|scope_open[h]
#define ENTER_EPOCH(h) pinned[h]=0; epoch[h]++

inline FETCH(h,a) {
  if
  :: atomic { state[h]==Absent && !fetching[h] && ACKED(h) ->
       fetching[h]=1; doomed[h]=0; get_home[a]=home[h]; get_epoch[a]=epoch[h]; get_step[a]=1 }
     atomic { get_step[a]==3 ->
       if
#ifdef BUG_NO_DOOM
       :: true ->
#else
       :: doomed[h] -> skip
       :: !doomed[h] ->
#endif
            if :: state[h]==Absent -> frame[h*2]=page_data[a*2]; frame[h*2+1]=page_data[a*2+1]; state[h]=ReadOnly
               :: else fi
       fi;
       doomed[h]=0; page_data[a*2]=0; page_data[a*2+1]=0; get_home[a]=0; get_epoch[a]=0; get_step[a]=0; fetching[h]=0 }
  :: state[h]!=Absent && state[h]!=Awaiting -> skip
  fi
}
inline READ(h,a,w) {
  do
  :: atomic { state[h]!=Absent && state[h]!=Awaiting -> assert(frame[h*2+w]==flat[w]); break }
  :: state[h]==Absent -> FETCH(h,a)
  od
}
inline WRITE(h,a,w,v) {
  do
  :: atomic { state[h]==Dirty -> frame[h*2+w]=v; flat[w]=v; break }
  :: atomic { state[h]==Home -> frame[h*2+w]=v; flat[w]=v; LOG(h); break }
  :: atomic { state[h]==ReadOnly -> state[h]=Dirty; twin[h*2]=frame[h*2]; twin[h*2+1]=frame[h*2+1] }
  :: state[h]==Absent -> FETCH(h,a)
  od
}
inline SEND_DIFF(h) {
  diff_mask[h]=(frame[h*2]!=twin[h*2])|((frame[h*2+1]!=twin[h*2+1])<<1);
  if :: diff_mask[h] -> unacked[h]=1; diff_home[h]=home[h]; diff_epoch[h]=epoch[h];
        diff_data[h*2]=((diff_mask[h]&1)->frame[h*2]:0); diff_data[h*2+1]=((diff_mask[h]&2)->frame[h*2+1]:0)
     :: else fi;
  CLEAR_TWIN(h); state[h]=ReadOnly; LOG(h)
}
inline FLUSH(h) {
  if :: atomic { state[h]==Dirty && ACKED(h) -> SEND_DIFF(h) }
     :: atomic { state[h]!=Dirty -> skip }
  fi
}
inline INVALIDATE(h) {
  do
  :: atomic { state[h]==Absent -> doomed[h]=fetching[h]; break }
  :: atomic { state[h]==ReadOnly && ACKED(h) -> state[h]=Absent; CLEAR_FRAME(h); break }
  :: state[h]==Dirty -> FLUSH(h)
  :: atomic { state[h]==Home || state[h]==Awaiting -> break }
  od
}

/* TAKE_OVER, inside an atomic: the new home keeps its unacknowledged diff and its dirty bytes and puts them on top of the
 * transfer. What the old home has applied already is applied twice: nobody else may have written those bytes. */
inline TAKE_OVER(h) {
  own_mask=0;
  if :: unacked[h]==1 -> own_mask=diff_mask[h]; own_data[0]=diff_data[h*2]; own_data[1]=diff_data[h*2+1]; CLEAR_DIFF(h)
     :: else fi;
  if :: state[h]==Dirty ->
        if :: frame[h*2]!=twin[h*2] -> own_mask=own_mask|1; own_data[0]=frame[h*2] :: else fi;
        if :: frame[h*2+1]!=twin[h*2+1] -> own_mask=own_mask|2; own_data[1]=frame[h*2+1] :: else fi;
        CLEAR_TWIN(h); LOG(h)
     :: else fi;
  doomed[h]=fetching[h]; state[h]=Awaiting; CLEAR_FRAME(h); home[h]=h; ENTER_EPOCH(h)
}
inline MIGRATE(h) {
#ifdef KEEP_OWN
  atomic {
    if :: new_home==h -> assert(state[h]!=Absent); state[h]=Home
       :: new_home!=h && home[h]==h -> state[h]=Absent; CLEAR_FRAME(h)
       :: else fi;
    home[h]=new_home; doomed[h]=fetching[h]; ENTER_EPOCH(h) }
#else
  if :: home[h]==h -> atomic {
          transfer_sent=1; transfer_to=new_home; transfer_data[0]=frame[h*2]; transfer_data[1]=frame[h*2+1];
          state[h]=Absent; CLEAR_FRAME(h); home[h]=new_home; ENTER_EPOCH(h) }
     :: new_home==h ->
# ifdef BUG_SELF_DIFF   /* the diff is forwarded to its own sender, which answers nothing: a deadlock */
          do :: state[h]==Dirty -> FLUSH(h)
             :: atomic { state[h]!=Dirty && ACKED(h) ->
                  doomed[h]=fetching[h]; state[h]=Awaiting; CLEAR_FRAME(h); home[h]=h; ENTER_EPOCH(h); break }
          od
# else
          atomic { TAKE_OVER(h) }
# endif
     :: else -> atomic { doomed[h]=fetching[h]; home[h]=new_home; ENTER_EPOCH(h) }
  fi
#endif
}
inline BARRIER(h,a) {
  FLUSH(h); (ACKED(h));
  atomic { arrive_page[h]=interval_page[h]; interval_page[h]=0; collections[h]++;
    bar_arrive[h]=1; holds[h]=(state[h]!=Absent);
#ifndef BUG_NO_PIN
    pinned[h]=1
#endif
  };
  atomic { bar_release[h] -> bar_release[h]=0 };
  if :: (release_writers & ~(1<<h)) && home[h]!=h -> INVALIDATE(h) :: else fi;
  if :: new_home!=NOBODY && new_home!=home[h] -> MIGRATE(h)
     :: else -> atomic { ENTER_EPOCH(h) }
  fi
}

#define IS_HOME(d)      (state[d]==Home)
#define HAS_MOVED(d,e)  (home[d]!=d && epoch[d]>e)   /* no longer home, in an epoch after the request's: forward */
proctype ServeFetch(byte a) {
  byte d;
end: do
#ifdef BUG_NO_DEFER
  :: d_step { get_step[a]==1 -> d=get_home[a]; get_step[a]=2; d=0 }
#else
# ifdef BUG_OLD_SERVES
  :: d_step { get_step[a]==1 && (IS_HOME(get_home[a]) || HAS_MOVED(get_home[a],get_epoch[a])) -> get_step[a]=2 }
# else
#  ifdef BUG_SERVE_ACROSS
  :: d_step { get_step[a]==1 && IS_HOME(get_home[a]) -> get_step[a]=2 }
#  else
  :: d_step { get_step[a]==1 && IS_HOME(get_home[a]) -> d=get_home[a];
       page_data[a*2]=frame[d*2]; page_data[a*2+1]=frame[d*2+1]; get_step[a]=3; d=0 }
#  endif
  :: d_step { get_step[a]==1 && HAS_MOVED(get_home[a],get_epoch[a]) ->
       get_epoch[a]=epoch[get_home[a]]; get_home[a]=home[get_home[a]] }
# endif
#endif
  :: d_step { get_step[a]==2 -> d=get_home[a];
       page_data[a*2]=frame[d*2]; page_data[a*2+1]=frame[d*2+1]; get_step[a]=3; d=0 }
  od
}
proctype ServeDiff(byte i) {
  byte d;
end: do
#ifdef BUG_NO_DEFER
  :: d_step { unacked[i]==1 ->
#else
  :: d_step { unacked[i]==1 && HAS_MOVED(diff_home[i],diff_epoch[i]) ->
       diff_epoch[i]=epoch[diff_home[i]]; diff_home[i]=home[diff_home[i]] }
  :: d_step { unacked[i]==1 && IS_HOME(diff_home[i]) ->
#endif
       d=diff_home[i];
       if :: diff_mask[i]&1 -> frame[d*2]=diff_data[i*2] :: else fi;
       if :: diff_mask[i]&2 -> frame[d*2+1]=diff_data[i*2+1] :: else fi;
       CLEAR_DIFF(i); d=0 }
  od
}
proctype ServeTransfer() {
end: do
  :: d_step { transfer_sent==1 && state[transfer_to]==Awaiting ->
       frame[transfer_to*2]=((own_mask&1)->own_data[0]:transfer_data[0]);
       frame[transfer_to*2+1]=((own_mask&2)->own_data[1]:transfer_data[1]);
       own_mask=0; own_data[0]=0; own_data[1]=0; state[transfer_to]=Home;
       transfer_sent=0; transfer_to=0; transfer_data[0]=0; transfer_data[1]=0 }
  od
}
byte k; /* loop counter of the root */
proctype ServeBarrier() {
end: do
  :: atomic { bar_arrive[0]&&bar_arrive[1]&&(NHOSTS<3||bar_arrive[NHOSTS-1]) ->
       k=0; release_writers=0;
       do :: k<NHOSTS -> if :: arrive_page[k] -> release_writers=release_writers|(1<<k) :: else fi;
             bar_arrive[k]=0; bar_release[k]=1; arrive_page[k]=0; k++
          :: else -> break od;
       k=0; new_home=NOBODY;
       if :: release_writers==1 -> new_home=0 :: release_writers==2 -> new_home=1 :: release_writers==4 -> new_home=2
          :: else fi;
#if defined(KEEP_OWN) && !defined(BUG_NO_HOLD)
       if :: new_home!=NOBODY -> if :: !holds[new_home] -> new_home=NOBODY :: else fi :: else fi;
#endif
       k=0; do :: k<NHOSTS -> holds[k]=0; k++ :: else -> break od; k=0 }
  od
}
proctype Evict(byte h) {
end: do
  :: atomic { state[h]==Dirty && ACKED(h) -> SEND_DIFF(h) }
  :: atomic { state[h]==ReadOnly && ACKED(h) && !pinned[h] -> state[h]=Absent; CLEAR_FRAME(h) }
  od
}

/* In phase n host n%NHOSTS writes word 0, and everybody reads it after the barrier. With -DTWO host (n+2)%NHOSTS writes
 * word 1 meanwhile. */
proctype A(byte h; byte a) {
  byte n=0;
  do :: n<PHASES -> n++;
       if :: h==n%NHOSTS -> WRITE(h,a,0,n) :: else fi;
       BARRIER(h,a);
       READ(h,a,0);
#ifdef TWO
       if :: h==(n+2)%NHOSTS -> WRITE(h,a,1,n) :: else fi;
#endif
       BARRIER(h,a)
     :: else -> break od
}
#ifdef THREADS
/* Counts word 1 under the lock while A runs barriers. */
proctype B(byte h; byte a) {
  bit mine;
  atomic { token!=NOBODY -> mine=(token==h); token=NOBODY };
  atomic { epoch[h]>=grant_epoch -> skip };
  if :: !mine && notice -> INVALIDATE(h) :: else fi;
  atomic { scope_page[h]=0; scope_open[h]=1 }
  READ(h,a,1); WRITE(h,a,1,flat[1]+1);
  FLUSH(h); (ACKED(h));
  atomic { if :: scope_page[h] -> notice=1 :: else fi; scope_open[h]=0; scope_page[h]=0; grant_epoch=epoch[h]; token=h }
}
#endif
init {
  byte i;
  atomic { new_home=NOBODY; state[0]=Home; i=0;
    do :: i<NACTORS -> run ServeFetch(i); i++ :: else -> break od; i=0;
    do :: i<NHOSTS -> run ServeDiff(i); run Evict(i); run A(i,i);
#ifdef THREADS
       run B(i,NHOSTS+i);
#endif
       i++ :: else -> break od;
    run ServeTransfer(); run ServeBarrier(); i=0 }
}
