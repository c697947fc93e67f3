/* claim.pml -- homes by first touch (P17). One page of two words; host 0 is its manager. In each phase each word is written by one
 * host, whichever, and a barrier later all read both. Peekers look at the page at any time, without a right to, so that there are
 * blank copies and fetches under way; releasers flush, and take marks in, as an unlock of another thread does.
 *
 * Who the home is, is each host's own knowledge (home[h]). Where it is reached (REACHED: hosts 1 and 2, and all with -DALL_REACH),
 * a host that knows it marks and reads the page, and stores its diffs, by itself; undecided pages are asked for.
 *
 * -DHOSTS (3), -DPHASES (1), -DPEEKS (1), -DRELEASES (1): of each host but the manager. -DNO_REACH: everything by message.
 * -DONE_WRITER: both words of a phase are written by host 0 or 1. -DWRITER=h: all are written by that one.
 * -DBUG_CLAIM_WRITTEN   the manager gives the page away that it has written itself
 * -DBUG_OLD_SERVES      the manager goes on serving a page that it has given away
 * -DBUG_CLAIM_UNTRACKED a claim is granted as if nobody had a blank copy
 * -DBUG_WRITE_BLANK     a blank copy is written without a claim
 * -DBUG_FORGET_MARK     a mark that is taken in before the answer to the claim is forgotten
 * -DBUG_DISCARD_LATE    the frame is made zero when the answer to the claim has come
 * -DBUG_READ_UNDECIDED  ALL_REACH; an undecided page is read from its manager without that host's processor */
#ifndef HOSTS
#define HOSTS 3
#endif
#ifndef PHASES
#define PHASES 1
#endif
#ifndef PEEKS
#define PEEKS 1
#endif
#ifndef RELEASES
#define RELEASES 1
#endif
#define Absent        0
#define ReadOnly      1
#define Dirty         2
#define HomeFresh     3           /* also for HomeIdle: untracked, and the next store faults */
#define HomeUntracked 4
#define HomeClean     5
#define HomeDirty     6
#define Undecided     255
#define GetPage 1
#define Claim   2
#define Blank   3                 /* Page, from a manager that knows no home */
#define Page    4
#define Claimed 5
#define HomeIs  6
#define ByItself 7
#if defined(NO_REACH)
#define REACHED(g,h) false
#elif defined(ALL_REACH)
#define REACHED(g,h) true
#else
#define REACHED(g,h) (g>0 && h>0)
#endif
byte flat[2];
byte state[HOSTS], frame[HOSTS*2], twin[HOSTS*2], home[HOSTS];
bit  fetching[HOSTS], doomed[HOSTS], claiming[HOSTS], unacked[HOSTS], mark[HOSTS], announced[HOSTS];
byte ask[HOSTS], ask_to[HOSTS], says[HOSTS*2];    /* of the one fetch or claim of a host: the request, and then its answer */
byte diff_to[HOSTS], diff_mask[HOSTS], diff_data[HOSTS*2];
bit  logged[HOSTS];               /* the write log in set form: since the barrier's mark */
bit  writes[HOSTS*2];             /* in BarArrive, of this barrier and the one before */
byte arrived;
byte writer[PHASES*2];            /* by phase and word */

#define ACKED(h) unacked[h]=0; diff_to[h]=0; diff_mask[h]=0; diff_data[h*2]=0; diff_data[h*2+1]=0
#define OPEN(s) (s==Dirty || s==HomeUntracked || s==HomeDirty)
#define HERE(h) (state[h]!=Absent && !(h==0 && home[0]==Undecided && state[0]==HomeFresh))

inline OWN(h, tracked) {
  if :: tracked -> state[h]=HomeClean :: else -> state[h]=HomeFresh fi;
  home[h]=h; claiming[h]=0; fetching[h]=0; doomed[h]=0
}
/* Serving, or a mark: what another host reads is tracked from now on. */
inline SHARE(h) {
  if :: state[h]==HomeFresh -> state[h]=HomeClean
     :: state[h]==HomeUntracked -> state[h]=HomeDirty
     :: else
  fi;
  announced[h]=0
}
inline INSTALL(h) {
  if :: !doomed[h] -> frame[h*2]=says[h*2]; frame[h*2+1]=says[h*2+1]; state[h]=ReadOnly
     :: else
  fi;
  says[h*2]=0; says[h*2+1]=0; doomed[h]=0; fetching[h]=0
}
/* h asks, or reads by itself, where the page is absent and nobody does so already. A read that is refused asks. */
inline FETCH(h) {
  if
  :: atomic { state[h]!=Absent || fetching[h] || unacked[h] -> skip }
  :: atomic { state[h]==Absent && !fetching[h] && !unacked[h] -> fetching[h]=1;
       if
#ifdef BUG_READ_UNDECIDED
       :: home[h]==Undecided && REACHED(h, 0) -> ask_to[h]=0; ask[h]=ByItself
#endif
       :: home[h]==Undecided -> ask_to[h]=0; ask[h]=GetPage
       :: home[h]!=Undecided && REACHED(h, home[h]) -> ask_to[h]=home[h]; ask[h]=ByItself
       :: home[h]!=Undecided -> ask_to[h]=home[h]; ask[h]=GetPage
       fi };
     if
     :: ask[h]==ByItself ->
          mark[ask_to[h]]=1;
          says[h*2]=frame[ask_to[h]*2];
          atomic { says[h*2+1]=frame[ask_to[h]*2+1]; INSTALL(h); ask[h]=0; ask_to[h]=0 }
     :: atomic { ask[h]>=Blank && ask[h]!=ByItself ->
          if
          :: ask[h]==HomeIs -> home[h]=says[h*2]; says[h*2]=0; doomed[h]=0; fetching[h]=0
          :: ask[h]==Page -> home[h]=ask_to[h]; INSTALL(h)
          :: ask[h]==Blank -> INSTALL(h)
          fi;
          ask[h]=0; ask_to[h]=0 }
     fi
  fi
}
inline LOAD(h) {
  do
  :: atomic { HERE(h) -> break }
  :: atomic { !HERE(h) && h==0 && home[0]==Undecided -> state[0]=HomeClean }
  :: state[h]==Absent && !fetching[h] && !unacked[h] -> FETCH(h)
  od
}
inline CHECK(h) {
  do
  :: atomic { HERE(h) -> assert(frame[h*2]==flat[0] && frame[h*2+1]==flat[1]); break }
  :: atomic { !HERE(h) && h==0 && home[0]==Undecided -> state[0]=HomeClean }
  :: state[h]==Absent && !fetching[h] && !unacked[h] -> FETCH(h)
  od
}
inline STORE(h, w, v) {
  do
  :: atomic { OPEN(state[h]) -> frame[h*2+w]=v; flat[w]=v; break }
  :: atomic { h==0 && home[0]==Undecided -> home[0]=0 }
  :: atomic { home[h]==h && state[h]==HomeFresh -> state[h]=HomeUntracked }
  :: atomic { home[h]==h && state[h]==HomeClean -> state[h]=HomeDirty }
#ifdef BUG_WRITE_BLANK
  :: atomic { state[h]==ReadOnly -> if :: home[h]==Undecided -> home[h]=0 :: else fi;
       state[h]=Dirty; twin[h*2]=frame[h*2]; twin[h*2+1]=frame[h*2+1] }
#else
  :: atomic { state[h]==ReadOnly && home[h]!=Undecided -> state[h]=Dirty; twin[h*2]=frame[h*2]; twin[h*2+1]=frame[h*2+1] }
#endif
  :: state[h]==Absent && home[h]!=Undecided && !fetching[h] && !unacked[h] -> FETCH(h)
  :: atomic { (state[h]==Absent || state[h]==ReadOnly) && home[h]==Undecided && h>0 && !fetching[h] ->
       state[h]=Absent; fetching[h]=1; claiming[h]=1; ask_to[h]=0; ask[h]=Claim;
#ifndef BUG_DISCARD_LATE
       frame[h*2]=0; frame[h*2+1]=0
#endif
     };
     atomic { ask[h]>=Blank;
       if
       :: ask[h]==HomeIs -> home[h]=says[h*2]; fetching[h]=0; claiming[h]=0; doomed[h]=0
       :: ask[h]==Claimed && home[h]!=h -> OWN(h, says[h*2] || doomed[h])
       :: ask[h]==Claimed && home[h]==h -> skip
       fi;
#ifdef BUG_DISCARD_LATE
       if :: ask[h]==Claimed -> frame[h*2]=0; frame[h*2+1]=0 :: else fi;
#endif
       says[h*2]=0; ask[h]=0; ask_to[h]=0 }
  od
}
inline TAKE_MARK(h) {
  atomic {
    if
    :: mark[h] -> mark[h]=0;
       if
       :: home[h]==h -> SHARE(h)
#ifndef BUG_FORGET_MARK
       :: home[h]!=h && claiming[h] -> doomed[h]=1
#endif
       :: else
       fi
    :: else
    fi }
}
inline FLUSH(h) {
  if
  :: atomic { state[h]==HomeDirty -> state[h]=HomeClean; logged[h]=1 }
  :: atomic { state[h]==Dirty && !unacked[h] -> state[h]=ReadOnly; logged[h]=1; unacked[h]=1; diff_to[h]=home[h];
       diff_mask[h]=(frame[h*2]!=twin[h*2])|((frame[h*2+1]!=twin[h*2+1])<<1);
       diff_data[h*2]=frame[h*2]; diff_data[h*2+1]=frame[h*2+1]; twin[h*2]=0; twin[h*2+1]=0 }
     if
     :: REACHED(h, diff_to[h]) -> /* stored word by word, without the home's machine */
          if :: diff_mask[h]&1 -> frame[diff_to[h]*2]=diff_data[h*2] :: else fi;
          if :: diff_mask[h]&2 -> frame[diff_to[h]*2+1]=diff_data[h*2+1] :: else fi;
          atomic { ACKED(h) }
     :: true -> atomic { diff_mask[h]=diff_mask[h]|4 }                   /* as a message */
     fi
  :: atomic { state[h]!=HomeDirty && state[h]!=Dirty -> skip }
  fi;
  !unacked[h]
}

inline SERVE(h, r) {
  if
  :: h==0 && home[0]==Undecided -> state[0]=HomeClean; ask[r]=Blank
  :: h==0 && home[0]!=Undecided && home[0]!=0 ->
#ifdef BUG_OLD_SERVES
       ask[r]=Page; says[r*2]=frame[0]; says[r*2+1]=frame[1]
#else
       ask[r]=HomeIs; says[r*2]=home[0]
#endif
  :: h!=0 || home[0]==0 ->
       if :: claiming[h] && home[h]!=h -> OWN(h, 1) :: else fi;
       assert(home[h]==h);
       SHARE(h); ask[r]=Page; says[r*2]=frame[h*2]; says[r*2+1]=frame[h*2+1]
  fi
}
inline DECIDE(r) {
  if
#ifdef BUG_CLAIM_WRITTEN
  :: home[0]==Undecided || home[0]==0 ->
#else
  :: home[0]==Undecided ->
#endif
       ask[r]=Claimed; home[0]=r;
#ifndef BUG_CLAIM_UNTRACKED
       says[r*2]=(state[0]!=HomeFresh);
#endif
       state[0]=Absent; frame[0]=0; frame[1]=0
  :: else -> ask[r]=HomeIs; says[r*2]=home[0]
  fi
}
inline APPLY(h, r) {
  if :: claiming[h] && home[h]!=h -> OWN(h, 1) :: else fi;
  if :: state[h]==HomeFresh -> state[h]=HomeClean :: else fi;
  if :: diff_mask[r]&1 -> frame[h*2]=diff_data[r*2] :: else fi;
  if :: diff_mask[r]&2 -> frame[h*2+1]=diff_data[r*2+1] :: else fi;
  ACKED(r)
}
proctype Server(byte h) {
end: do
  :: atomic { ask[0]==GetPage && ask_to[0]==h -> SERVE(h, 0) }
  :: atomic { ask[1]==GetPage && ask_to[1]==h -> SERVE(h, 1) }
  :: atomic { h==0 && ask[1]==Claim -> DECIDE(1) }
  :: atomic { diff_mask[0]>=4 && diff_to[0]==h -> APPLY(h, 0) }
  :: atomic { diff_mask[1]>=4 && diff_to[1]==h -> APPLY(h, 1) }
#if HOSTS>2
  :: atomic { ask[2]==GetPage && ask_to[2]==h -> SERVE(h, 2) }
  :: atomic { h==0 && ask[2]==Claim -> DECIDE(2) }
  :: atomic { diff_mask[2]>=4 && diff_to[2]==h -> APPLY(h, 2) }
#endif
  od
}
proctype Peeker(byte h) {
  byte n;
  do
  :: n<PEEKS -> n++; LOAD(h)
  :: n==PEEKS -> break
  od
}
proctype Releaser(byte h) {
  byte n;
  do
  :: n<RELEASES -> n++; TAKE_MARK(h); FLUSH(h)
  :: n==RELEASES -> break
  od
}
inline BARRIER(h) {
  TAKE_MARK(h);
  FLUSH(h);
  atomic { rounds++; i=rounds&1; writes[h*2+i]=logged[h]; announced[h]=logged[h]; logged[h]=unacked[h]; arrived++ };
  atomic { arrived>=HOSTS*rounds;
    others=writes[i] && h!=0 || writes[2+i] && h!=1;
#if HOSTS>2
    others=others || writes[4+i] && h!=2;
#endif
    if
    :: home[h]==h && announced[h] && !others ->
         if :: state[h]==HomeClean -> state[h]=HomeFresh :: state[h]==HomeDirty -> state[h]=HomeUntracked :: else fi
    :: home[h]!=h && others && state[h]==Absent -> doomed[h]=fetching[h]
    :: home[h]!=h && others && state[h]==ReadOnly -> state[h]=Absent
    :: else
    fi;
    announced[h]=0; others=0; i=0 }
}
proctype Main(byte h) {
  byte k, rounds, i; bit others;
  do
  :: k<PHASES ->
       if :: writer[k*2]==h -> STORE(h, 0, k+1) :: else fi;
       if :: writer[k*2+1]==h -> STORE(h, 1, k+1) :: else fi;
       BARRIER(h);
       CHECK(h);
       BARRIER(h);
       k++
  :: k==PHASES -> break
  od
}
init {
  byte h;
  atomic {
    for (h : 0 .. PHASES*2-1) {
      if
#ifdef WRITER
      :: writer[h]=WRITER
#elif defined(ONE_WRITER)
      :: h&1 -> writer[h]=writer[h-1]
      :: !(h&1) -> writer[h]=0
      :: !(h&1) -> writer[h]=1
#else
      :: writer[h]=0
      :: writer[h]=1
      :: writer[h]=HOSTS-1
#endif
      fi
    }
    home[0]=Undecided; state[0]=HomeFresh;
    for (h : 1 .. HOSTS-1) { home[h]=Undecided }
    for (h : 0 .. HOSTS-1) {
      run Server(h); run Main(h);
      if :: PEEKS>0 && h>0 -> run Peeker(h) :: else fi;
      if :: RELEASES>0 && h>0 -> run Releaser(h) :: else fi
    }
  }
}
