/* cut.pml -- checkpoints (P22). Two hosts, page h homed at host h. In each phase each host may store to each page, at its home or
 * there from afar: by message, or by itself. Between the phases are barriers, the first with a full checkpoint, the others with
 * what has changed since. A saver of each host takes pages while the program goes on. A checkpoint may fail.
 *
 * A store of host h in phase i sets bit 2*i+h, so a page shows which stores are in it. What restores must have all those before
 * the barrier and none after it.
 *
 * -DBUG_ONE_RENDEZVOUS    a host leaves the barrier when it has marked its page
 * -DBUG_MARK_LATE         the page is marked after the second rendezvous
 * -DBUG_NO_COPY           a page is not copied before it changes
 * -DBUG_NO_GATE           hosts store by themselves while others save
 * -DBUG_OPEN_EARLY        ... when their own part is written
 * -DBUG_FORGET_STORES     what hosts announce does not count as changed
 * -DBUG_FORGET_FAILED     what a failed checkpoint had to save is not in the next one
 * -DPHASES (3): with a checkpoint between each two. */
#ifndef PHASES
#define PHASES 3
#endif

byte frame[2], flat[2];           /* by page; flat takes all stores at once */
byte expect[2];                   /* flat when the last host came to the barrier */
bit  writable[2], unsaved[2];     /* at the page's home */
bit  announced[2];                /* by page: the other host has stored to it since the barrier before */
bit  told[2];                     /* ... as the first rendezvous says */
bit  pending[2], copied[2];       /* of the snapshot */
byte copy[2];
bit  had[2];                      /* the page is part of the checkpoint that the host saves */
bit  saving[2], closed[2];        /* until the host knows what became of it; its part is written */
byte part[2], stored[2];          /* of this checkpoint; of all that are complete */
byte verdict;                     /* 0: not known, 1: complete, 2: failed */
bit  heard[2];
byte came, marked;                /* hosts at the rendezvous, ever */

#define SAVE_BEFORE(p) \
  if :: pending[p] && !copied[p] -> copy[p]=frame[p]; copied[p]=1 :: else fi

#ifdef BUG_NO_GATE
#define GATE(h) false
#else
#ifdef BUG_OPEN_EARLY
#define GATE(h) (saving[h] && !closed[h])
#else
#define GATE(h) saving[h]
#endif
#endif

/* The page's own host: a fault when it is write-protected, and the store in another step. */
inline STORE_HOME(p, v) {
  do
  :: atomic { writable[p] -> frame[p]=frame[p]|v; flat[p]=flat[p]|v; break }
  :: atomic { !writable[p] ->
#ifndef BUG_NO_COPY
       SAVE_BEFORE(p);
#endif
       unsaved[p]=1; writable[p]=1 }
  od
}
/* The other host; when the step is over, the store is home and acknowledged. */
inline STORE_AFAR(h, p, v) {
  if
  :: atomic { !GATE(h) -> frame[p]=frame[p]|v; flat[p]=flat[p]|v; announced[p]=1 }
  :: atomic { true ->
#ifndef BUG_NO_COPY
       SAVE_BEFORE(p);
#endif
       frame[p]=frame[p]|v; flat[p]=flat[p]|v; announced[p]=1 }
  fi
}
inline MARK(h, all) {
  !saving[h];                     /* the host knows what became of the one before */
  atomic {
#ifndef BUG_FORGET_STORES
    if :: told[h] -> unsaved[h]=1 :: else fi;
#endif
    told[h]=0;
    had[h]=(unsaved[h] || all); pending[h]=had[h]; copied[h]=0; copy[h]=0;
    unsaved[h]=0; writable[h]=0; closed[h]=0; saving[h]=1 }
}

proctype Host(byte h) {
  byte i, p, v;
  do
  :: atomic { i<PHASES -> p=0; v=1<<(2*i+h) };
     do
     :: p<2 ->
        if
        :: skip                       /* no store */
        :: p==h -> STORE_HOME(p, v)
        :: p!=h -> STORE_AFAR(h, p, v)
        fi;
        p++
     :: p==2 -> break
     od;
     if
     :: i==PHASES-1 -> break
     :: else
     fi;
     if                               /* host 0 plans the next one when it knows of the one before */
     :: h==0 -> !saving[0]
     :: h==1
     fi;
     atomic { came++; told[1-h]=announced[1-h]; announced[1-h]=0;
       if
       :: came==2*(i+1) -> expect[0]=flat[0]; expect[1]=flat[1]
       :: else
       fi };
     came>=2*(i+1);
#ifndef BUG_MARK_LATE
     MARK(h, i==0);
#endif
     marked++;
#ifndef BUG_ONE_RENDEZVOUS
     marked>=2*(i+1);
#endif
#ifdef BUG_MARK_LATE
     MARK(h, i==0);
#endif
     i++
  od
}

/* The thread that writes the part of host h. Host 0 says what becomes of the checkpoint when both have written theirs. */
proctype Saver(byte h) {
end:
  do
  :: atomic { saving[h] && !closed[h] && pending[h] ->
       if :: copied[h] -> part[h]=copy[h] :: else -> part[h]=frame[h] fi;
       pending[h]=0; copied[h]=0; copy[h]=0 }
  :: atomic { saving[h] && !closed[h] && !pending[h] -> closed[h]=1 }
  :: atomic { h==0 && saving[0] && saving[1] && closed[0] && closed[1] && verdict==0 ->
       if
       :: verdict=2
       :: verdict=1;
          if :: had[0] -> stored[0]=part[0] :: else fi;
          if :: had[1] -> stored[1]=part[1] :: else fi;
          assert(stored[0]==expect[0] && stored[1]==expect[1])
       fi }
  :: atomic { saving[h] && verdict!=0 && !heard[h] ->
#ifndef BUG_FORGET_FAILED
       if :: verdict==2 && had[h] -> unsaved[h]=1 :: else fi;
#endif
       saving[h]=0; heard[h]=1;
       if
       :: heard[0] && heard[1] -> heard[0]=0; heard[1]=0; verdict=0
       :: else
       fi }
  od
}

init {
  atomic { run Host(0); run Host(1); run Saver(0); run Saver(1) }
}
