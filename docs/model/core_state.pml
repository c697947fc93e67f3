/* core_state.pml -- what a host knows, and the messages between hosts. */

#define NWORDS 2          /* a word stands for a byte of the real page: the unit that a diff can tell apart */

/* The state of a page at one host. */
#define Absent        0   /* no copy here */
#define ReadOnly      1   /* clean copy, write-protected */
#define Dirty         2   /* writable copy, with a twin */
#define HomeUntracked 3   /* home; no other host can hold a copy: writable, makes no notices */
#define HomeClean     4   /* home; others may hold copies: write-protected */
#define HomeDirty     5   /* home; written since it was last protected */
#define HomeIdle      6   /* home; as HomeUntracked, but still write-protected. A HomeFresh page behaves the same */

/* The token of a lock at one host. */
#define Elsewhere 0
#define Free      1       /* here, nobody holds it */
#define Held      2
#define Passing   3       /* VAR_LOCAL_HANDOVER: on its way to another thread of this host */

/* Diffs of one page that a host may have unacknowledged (P2: one). */
#ifdef BUG_DOUBLE_FLUSH
# define NSLOTS 2
#else
# define NSLOTS 1
#endif

/* Index of a (host, page), (host, page, word), (host, lock), (host, page, diff). */
#define HP(h,p)   ((h)*NPAGES+(p))
#define HW(h,p,w) (HP(h,p)*NWORDS+(w))
#define HL(h,l)   ((h)*NLOCKS+(l))
#define HS(h,p,s) (HP(h,p)*NSLOTS+(s))

/* One flat memory, written by every store: what a read of a race-free program must return. */
byte flat[NPAGES*NWORDS];

/* ---- pages of a host ---- */
byte state[NHOSTS*NPAGES];
byte frame[NHOSTS*NPAGES*NWORDS];
byte twin[NHOSTS*NPAGES*NWORDS];
bit  fetching[NHOSTS*NPAGES];  /* a GetPage of this page is outstanding (P6: one at most) */
bit  doomed[NHOSTS*NPAGES];    /* ... and the page was invalidated since it was sent */
bit  announced[NHOSTS*NPAGES]; /* home: in this host's BarArrive, and no fetch served since (P7) */
#ifdef VAR_MARKS
bit  marked[NPAGES];           /* in the home's memory, set by readers: read since the home last took its marks in (P15) */
#endif
byte epoch[NHOSTS];            /* barriers left, their invalidations done */
byte collections[NHOSTS];      /* barriers whose notices were collected */

/* ---- the write log of a host ----
 * What counts is which pages were logged since a scope began. The set form keeps exactly that, for every open scope
 * and for the interval since the last barrier. -DSEQ is the form that one would build: a sequence number for each
 * entry, the newest number of each page, and a mark for each scope. Numbers that wrap lose notices: 64 bits. */
#ifdef SEQ
# ifndef SEQMAX
#  define SEQMAX 60       /* bytes here: endless loops of fault and flush are cut at this entry */
# endif
byte sequence[NHOSTS];
byte newest[NHOSTS*NPAGES];
byte mark[NHOSTS*NLOCKS];
byte interval_mark[NHOSTS];
# define LOG(h,p)         (sequence[h]<SEQMAX); sequence[h]=sequence[h]+1; newest[HP(h,p)]=sequence[h]
# define UNLOG(h,p)       newest[HP(h,p)]=0
# define OPEN_SCOPE(h,l)  mark[HL(h,l)]=sequence[h]
# define CLOSE_SCOPE(h,l) mark[HL(h,l)]=0
# define IN_SCOPE(h,l,p)  (newest[HP(h,p)]>mark[HL(h,l)])
# define OPEN_INTERVAL(h) interval_mark[h]=sequence[h]
# define IN_INTERVAL(h,p) (newest[HP(h,p)]>interval_mark[h])
#else
bit  scope_open[NHOSTS*NLOCKS];
byte scope_pages[NHOSTS*NLOCKS];
byte interval_pages[NHOSTS];
# define LOG_SCOPE(h,l,p)   scope_pages[HL(h,l)]=scope_pages[HL(h,l)]|(scope_open[HL(h,l)]<<(p))
# define UNLOG_SCOPE(h,l,p) scope_pages[HL(h,l)]=scope_pages[HL(h,l)]&~(1<<(p))
# if NLOCKS==1
#  define LOG(h,p)   interval_pages[h]=interval_pages[h]|(1<<(p)); LOG_SCOPE(h,0,p)
#  define UNLOG(h,p) interval_pages[h]=interval_pages[h]&~(1<<(p)); UNLOG_SCOPE(h,0,p)
# else
#  define LOG(h,p)   interval_pages[h]=interval_pages[h]|(1<<(p)); LOG_SCOPE(h,0,p); LOG_SCOPE(h,1,p)
#  define UNLOG(h,p) interval_pages[h]=interval_pages[h]&~(1<<(p)); UNLOG_SCOPE(h,0,p); UNLOG_SCOPE(h,1,p)
# endif
# define OPEN_SCOPE(h,l)  scope_open[HL(h,l)]=1; scope_pages[HL(h,l)]=0
# define CLOSE_SCOPE(h,l) scope_open[HL(h,l)]=0; scope_pages[HL(h,l)]=0
# define IN_SCOPE(h,l,p)  (scope_pages[HL(h,l)]&(1<<(p)))
# define OPEN_INTERVAL(h) interval_pages[h]=0
# define IN_INTERVAL(h,p) (interval_pages[h]&(1<<(p)))
#endif

/* ---- locks ---- */
byte tail[NLOCKS];                /* at the manager: who asked last */
byte token[NHOSTS*NLOCKS];
byte next[NHOSTS*NLOCKS];         /* the one successor, plus one; 0 none */
bit  requested[NHOSTS*NLOCKS];    /* a LockReq is outstanding (P12: one) */
byte version[NLOCKS];             /* releases so far; travels with the token, never reset (P11) */
byte seen[NHOSTS*NLOCKS];         /* the last version this host has seen; never reset */
byte notice_version[NHOSTS*NLOCKS*NPAGES]; /* notices of the lock kept at this host: newest version, 0 none */
byte notice_count[NHOSTS*NLOCKS*NPAGES];   /* ... and the writer's collections at that release */
byte to_invalidate[NACTORS];      /* pages that a thread has yet to invalidate before it enters its scope */
#ifdef VAR_LOCAL_HANDOVER
byte local_waiting[NHOSTS*NLOCKS]; /* threads of this host that wait for the lock while another one holds it */
byte local_passes[NHOSTS*NLOCKS];  /* hand-overs between them in this tenure */
# ifndef MAX_LOCAL_PASSES
#  define MAX_LOCAL_PASSES 2
# endif
#endif

/* ---- messages ---- */
/* GetPage and its Page, one for each thread. */
byte get_step[NACTORS];           /* 1 GetPage sent, 2 noted as shared at the home, 3 one word read, 4 Page sent back;
                                     of a one-sided read: 1 wanted, 2 marked, 3 one word read, 4 both */
byte get_page[NACTORS];
byte get_host[NACTORS];
byte page_data[NACTORS*NWORDS];
/* Diff and its DiffAck, NSLOTS for each (host, page). */
byte unacked[NHOSTS*NPAGES*NSLOTS];   /* 1 Diff sent, 2 one word applied, 0 acknowledged */
byte diff_mask[NHOSTS*NPAGES*NSLOTS];
byte diff_data[NHOSTS*NPAGES*NSLOTS*NWORDS];
#ifdef BUG_READ_MODIFY
byte merged[NHOSTS*NPAGES*NSLOTS*NWORDS];
#endif
/* LockReq to the manager, LockFwd to the last holder, LockGrant to the next. */
bit  lock_req[NHOSTS*NLOCKS];
byte lock_fwd[NHOSTS*NLOCKS];     /* "pass it on to this host", plus one */
byte grant_to[NLOCKS];            /* the host that the token travels to, plus one */
byte grant_version[NLOCKS*NPAGES];
byte grant_count[NLOCKS*NPAGES];
byte grant_epoch[NLOCKS];         /* the granter's epoch (P10) */
/* BarArrive with the pages that the host announces; BarRelease with the writers of each page. */
bit  bar_arrive[NHOSTS];
bit  bar_release[NHOSTS];
byte arrive_pages[NHOSTS];
byte release_writers[NPAGES];     /* as a set; sole writer or MANY says as much */

#if NSLOTS==2
# define ACKED(h,p)     (unacked[HS(h,p,0)]==0 && unacked[HS(h,p,1)]==0)
# define CAN_FLUSH(h,p) (unacked[HS(h,p,0)]==0 || unacked[HS(h,p,1)]==0)
# define FREE_SLOT(h,p) (unacked[HS(h,p,0)]==0 -> HS(h,p,0) : HS(h,p,1))
#else
# define ACKED(h,p)     (unacked[HP(h,p)]==0)
# define CAN_FLUSH(h,p) ACKED(h,p)
# define FREE_SLOT(h,p) HP(h,p)
#endif
#if NPAGES==1
# define ALL_ACKED(h) (ACKED(h,0))
#else
# define ALL_ACKED(h) (ACKED(h,0) && ACKED(h,1))
#endif
