/* core_marks.pml -- VAR_MARKS: pages that other hosts read without their home's protocol (P15).
 * h the home, a the thread that reads, p the page.
 *
 * A reader marks the page in the home's memory and then reads it. The home takes its marks in when a release begins, that
 * of a lock or a barrier, before it looks for what is dirty. What it wrote before a mark that it does not find is in the bytes
 * that were read; of what it wrote later, the release makes a notice. Direct stores of diffs need no variant: ServeDiff
 * stores word by word at any time, and the home's protocol learns nothing by it either. */

/* The actors in this set fetch by message all the same. */
#ifndef BY_MESSAGE
#define BY_MESSAGE 0
#endif
#define READS_BY_MESSAGE(a) ((BY_MESSAGE>>(a))&1)

/* A reader may have marked an untracked page before it was written last, and the home does not know yet: serving a message
 * must not make such a page clean, for the write is still to be logged. */
#if !defined(VAR_MARKS) || defined(BUG_SERVE_FORGETS_MARK) || defined(VAR_SERVE_TAKES_MARK)
# define SERVED_UNTRACKED HomeClean
#else
# define SERVED_UNTRACKED HomeDirty
#endif

/* LEARN_READ does what serving a fetch does; but the read was earlier, and what was written to an untracked page since is
 * unknown: so it counts as dirty. */
#ifdef BUG_MARK_MAKES_CLEAN
# define MARKED_UNTRACKED HomeClean
#else
# define MARKED_UNTRACKED HomeDirty
#endif
#ifdef BUG_MARK_KEEPS_IDLE
# define MARKED_IDLE HomeIdle
#else
# define MARKED_IDLE HomeClean
#endif
#ifdef BUG_MARK_KEEPS_ANNOUNCED
# define MARKED_ANNOUNCED(h,p) announced[HP(h,p)]
#else
# define MARKED_ANNOUNCED(h,p) 0
#endif
#define LEARN_READ(h,p) announced[HP(h,p)]=MARKED_ANNOUNCED(h,p); \
  if :: state[HP(h,p)]==HomeUntracked -> state[HP(h,p)]=MARKED_UNTRACKED \
     :: state[HP(h,p)]==HomeIdle -> state[HP(h,p)]=MARKED_IDLE \
     :: else fi

#define MARKED(h,p) (HOME(p)==(h) && marked[p])
#ifdef BUG_CLEAR_MARK_LATE   /* looks at a mark in one step and clears it in another */
# define TAKE_MARK(h,p) if :: atomic { MARKED(h,p) -> LEARN_READ(h,p) }; marked[p]=0 :: atomic { !MARKED(h,p) -> skip } fi
#else
# define TAKE_MARK(h,p) atomic { if :: MARKED(h,p) -> marked[p]=0; LEARN_READ(h,p) :: else fi }
#endif
#ifdef BUG_IGNORE_MARKS
# define TAKE_MARKS(h) skip
#else
# if NPAGES==1
#  define TAKE_MARKS(h) TAKE_MARK(h,0)
# else
#  define TAKE_MARKS(h) TAKE_MARK(h,0); TAKE_MARK(h,1)
# endif
#endif

/* The flush of a release. */
#ifndef VAR_MARKS
# define FLUSH_FOR_RELEASE(h) FLUSH_ALL(h)
#else
# ifdef BUG_TAKE_MARKS_LATE
#  define FLUSH_FOR_RELEASE(h) FLUSH_ALL(h); TAKE_MARKS(h)
# else
#  define FLUSH_FOR_RELEASE(h) TAKE_MARKS(h); FLUSH_ALL(h)
# endif
#endif
#ifdef BUG_NO_MARKS_AT_UNLOCK
# define FLUSH_FOR_UNLOCK(h) FLUSH_ALL(h)
#else
# define FLUSH_FOR_UNLOCK(h) FLUSH_FOR_RELEASE(h)
#endif
#ifdef BUG_NO_MARKS_AT_BARRIER
# define FLUSH_FOR_BARRIER(h) FLUSH_ALL(h)
#else
# define FLUSH_FOR_BARRIER(h) FLUSH_FOR_RELEASE(h)
#endif

#ifdef VAR_MARKS
/* A one-sided read, word by word: the mark is set strictly before the first. */
proctype ReadPage(byte a) {
  byte home;
end: do
# ifdef BUG_MARK_AFTER_READ
  :: d_step { get_step[a]==1 -> home=HOME(get_page[a]);
       page_data[a*NWORDS]=frame[HW(home,get_page[a],0)]; get_step[a]=2; home=0 }
  :: d_step { get_step[a]==2 -> home=HOME(get_page[a]);
       page_data[a*NWORDS+1]=frame[HW(home,get_page[a],1)]; get_step[a]=3; home=0 }
  :: d_step { get_step[a]==3 -> marked[get_page[a]]=1; get_step[a]=4 }
# else
  :: d_step { get_step[a]==1 -> marked[get_page[a]]=1; get_step[a]=2 }
  :: d_step { get_step[a]==2 -> home=HOME(get_page[a]);
       page_data[a*NWORDS]=frame[HW(home,get_page[a],0)]; get_step[a]=3; home=0 }
  :: d_step { get_step[a]==3 -> home=HOME(get_page[a]);
       page_data[a*NWORDS+1]=frame[HW(home,get_page[a],1)]; get_step[a]=4; home=0 }
# endif
  od
}

/* VAR_MARKS_ANYTIME: marks are taken in at any other time as well, at a barrier's exit for example. */
proctype TakeMark(byte p) {
end: do
  :: atomic { marked[p] -> marked[p]=0; LEARN_READ(HOME(p),p) }
  od
}
#endif
