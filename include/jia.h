/*
 * jia.h - shared memory for programs that run as several processes.
 *
 * A job is a set of processes called hosts, numbered 0 .. jiahosts-1, that run the same program. All of
 * them see one region of shared memory at the same addresses; loads and stores are ordinary instructions.
 * Compile with -I<dir of this file>, link with -ljia. C89 to C17 and C++ programs can include it.
 *
 *
 * Memory model: scope consistency
 *
 *   A lock guards a scope, the code between jia_lock(l) and jia_unlock(l). A barrier ends one scope and
 *   begins another for all hosts, and that scope is everything. What is promised:
 *   - A read inside a scope of lock l sees every write made inside earlier scopes of the same l, and
 *     every write made by any host before the last barrier.
 *   - In nested scopes, what is written in the inner one belongs to the outer one too.
 *   - Threads of one host share its memory as threads do: a write is at once visible among them.
 *   - Hosts may write different bytes of one page, or of one word, at the same time.
 *   - Aligned reads of up to 8 bytes never tear, with or without a lock.
 *   What is not promised:
 *   - A write made BEFORE jia_lock(l) is not in the scope: the next holder of l may not see it until the
 *     next barrier, even if it often does. Write shared data inside the scope, or place a barrier.
 *   - A write under lock l is not promised to a reader that holds another lock, or none. A read without
 *     synchronisation returns some value the location has held since the last barrier, perhaps a stale one.
 *   - jia_wait and the condition variables (jia_setcv ...) order events; they make no write visible.
 *
 *
 * Limits
 *
 *   System calls do not fault pages in: read(2) or write(2) on shared memory whose page is not present
 *   fails with EFAULT. Have the buffer held by jia_pin_range, or use a private buffer and copy.
 *   A child made by fork() must not touch shared memory or call this library: what it reads there is
 *   not kept coherent.
 *   No call may be made from a signal handler. Signals wait while a thread is in a call, except SIGINT,
 *   SIGTERM, SIGHUP, SIGQUIT and the terminal's stop signals: a handler for one of these may interrupt a
 *   call, so install it with SA_ONSTACK, and let it set a flag and not touch shared memory or exit.
 *
 *
 * Errors
 *
 *   Misuse (each call says what that is) and lost hosts end the whole job: one line on standard error
 *   names host, call and remedy, every process ends, and the exit status is not 0.
 *   JIA_LOG=info (or debug) in the environment makes the library tell what it chose at the start, and why.
 */
#ifndef JIA_H
#define JIA_H

#include <stddef.h>

/* The version of the library: three numbers for #if, and the text. */
#define JIA_VERSION_MAJOR 3
#define JIA_VERSION_MINOR 0
#define JIA_VERSION_PATCH 0
#define JIA_VERSION "3.0.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define JIA_FATAL_PRINTF __attribute__((__format__(__printf__, 1, 2), __noreturn__))
#else
#define JIA_FATAL_PRINTF
#endif


/* ---- The job ---------------------------------------------------------------------------------------- */

/*
 * jiapid, jiahosts - the number of this host, from 0, and how many hosts there are, at least 1.
 * Constant after jia_init; before it 0 and 1. Read only. Threads: any.
 */
extern int jiapid;
extern int jiahosts;

/*
 * jia_pid, hostc - what some programs call jiapid and jiahosts.
 * They are weak aliases in the library, so a program may define variables of these names for itself.
 * Define JIA_NO_OLD_NAMES, or macros of these names, before the inclusion to be rid of the declarations.
 */
#ifndef JIA_NO_OLD_NAMES
#ifndef jia_pid
extern int jia_pid;
#endif
#ifndef hostc
extern int hostc;
#endif
#endif

/*
 * jia_init - start the other hosts of the job and join it.
 * @argc, @argv: those of main. Never changed, so options may be parsed before or after.
 * Call it once, before any other call here, and before creating threads. A process that Slurm's srun, mpirun or mpiexec
 * has started, or that has JIA_RANK in its environment, joins the others of its job. Otherwise this process starts
 * them: with JIA_NPROC=n in the environment the job is n processes of this machine; without it, those of the hosts file
 * (.jiahosts in the working directory, or JIA_HOSTS), over ssh; without that, this process alone.
 * Blocks until all hosts have joined. Threads: one, the main thread.
 * Fatal: a second call, a setting that cannot be used, a host that cannot be started.
 */
void jia_init(int argc, char **argv);

/*
 * jia_exit - leave the job.
 * Collective. It is a barrier first, so no host leaves while another still needs its memory. Returns on
 * all hosts; from then on only jiapid, jiahosts, jia_clock and jia_stats may be used, and no shared memory.
 * The exit status of the job is what host 0 then returns from main.
 * Returning 0 from main, or exit(0), without it counts as calling it; a status other than 0 before it
 * ends the job as failed; but a host 0 that calls _exit(0) before it keeps that status, though the job has
 * failed. End a process by returning from main or by exit: a main thread that calls pthread_exit leaves it
 * running. Threads: one a host, no other thread inside a call. Fatal: inside a scope.
 */
void jia_exit(void);

/* jia_end - another name for jia_exit. */
void jia_end(void);

/*
 * jia_error - end the job as failed.
 * @fmt: and the arguments after it as for printf. A newline at the end is optional.
 * Prints one line with the host's number on standard error, ends every process of the job within two seconds, and makes
 * the exit status 1. Does not return. Threads: any, also inside a scope, and before jia_init.
 */
void jia_error(const char *fmt, ...) JIA_FATAL_PRINTF;

#ifndef jia_errexit
#define jia_errexit jia_error
#endif

/*
 * jia_clock - seconds since this host's jia_init, as a real number; resolution is that of CLOCK_MONOTONIC.
 * Subtract two readings of one host; readings of different hosts do not compare. Threads: any. Does not block.
 */
double jia_clock(void);


/* ---- Shared memory ---------------------------------------------------------------------------------- */

/*
 * Common to all allocations below:
 *
 * They are collective by convention: every host makes the same calls with the same arguments in the same
 * order, and gets the same address. They do not synchronise and send no message: a host may use the
 * memory although a slower one has not made the call yet. Hosts whose calls differ are found at the
 * next barrier, which ends the job naming both calls.
 *
 * They differ in the home of each page: the host that keeps its contents, to which access is cheapest
 * by far. Give each page to the host that writes it most. Sizes and blocks are in bytes and are rounded
 * up to whole pages (of 4096 bytes, or what JIA_PAGE_SIZE says), a size of 0 to one page; every allocation begins on a page. A block of 0
 * bytes and a negative number of bytes are fatal.
 *
 * The region begins at 0x400000000000. Fresh memory reads as zero on every host and takes no physical
 * memory before it is touched. Results are addresses: cast them to a pointer. Programs may store
 * pointers into shared memory in shared memory.
 *
 * Threads: one at a time on each host (the order is part of the contract). Never block. A call made while
 * another thread is in a barrier counts for the barrier after it: let that be so on every host, or on none.
 * Fatal: more than the reservation (JIA_REGION_SIZE) holds, a host that does not exist.
 */

/* jia_alloc - @size bytes, single pages dealt round the hosts, beginning with host 0. */
unsigned long jia_alloc(size_t size);

/* jia_alloc1 - @size bytes, all on host 0. */
unsigned long jia_alloc1(size_t size);

/* jia_alloc2 - @size bytes in blocks of @block bytes dealt round the hosts, beginning with host 0. */
unsigned long jia_alloc2(size_t size, size_t block);

/* jia_alloc2p - @size bytes, all on host @host. */
unsigned long jia_alloc2p(size_t size, int host);

/* jia_alloc3 - @size bytes in blocks of @block bytes dealt round the hosts, beginning with host @start. */
unsigned long jia_alloc3(size_t size, size_t block, int start);

/*
 * jia_alloc4 - @size bytes in blocks dealt round the hosts in laps, beginning with host @start.
 * In lap i every host in turn gets one block of @blocks[i mod @n] bytes, until @size is reached.
 * @blocks is read during the call only; an element of 0 is no lap. Fatal: nothing but zeros.
 */
unsigned long jia_alloc4(size_t size, const int *blocks, int n, int start);

/*
 * jia_alloc_array - @size bytes: @array[0] of them on host 0, @array[1] on host 1, up to host @n-1.
 * The pattern repeats until @size is reached. Each part is rounded up to pages, so part i+1 begins on a
 * page; an element of 0 gives its host nothing. @array is read during the call only.
 * Fatal: @n above jiahosts, nothing but zeros.
 */
unsigned long jia_alloc_array(size_t size, const int *array, int n);

/* jia_alloc_random - @size bytes, all on one host, which is drawn pseudo-randomly and alike on all hosts. */
unsigned long jia_alloc_random(size_t size);

/* Placements of jia_alloc_attr: which host is the home of which page. */
enum {
	JIA_PLACE_CYCLIC,      /* blocks of @block bytes dealt round the hosts, beginning with @host; @block 0: single pages */
	JIA_PLACE_BLOCKS,      /* one block a host, as equal as whole pages allow, beginning with @host */
	JIA_PLACE_HOST,        /* all on @host */
	JIA_PLACE_LIST,        /* @n blocks: @list[i] bytes on @hosts[i], over and over until the size is reached */
	JIA_PLACE_FIRST_TOUCH  /* each page on the host that writes to it first */
};

/*
 * jia_alloc_attr_t - how to allocate.
 * @size: sizeof(jia_alloc_attr_t), set by the caller. Later versions add members at the end. Zeros in all others are
 * the defaults, and mean what jia_alloc does. Members that the placement does not name are not looked at, but @host must
 * be that of a host.
 */
typedef struct jia_alloc_attr {
	size_t size;
	int placement;           /* one of JIA_PLACE_... */
	int host;                /* the home, or the host to begin with */
	size_t block;            /* bytes, rounded up to whole pages */
	size_t alignment;        /* of the address: a power of two; at least a page's anyway */
	const size_t *list;      /* bytes of each block, rounded up to whole pages; 0: no block */
	const int *hosts;        /* their homes; NULL: block i on host (host + i) mod jiahosts */
	size_t n;                /* blocks in the list, at most 262144 */
	const char *name;        /* for messages, the log and statistics; NULL: none. Hosts may use different ones */
} jia_alloc_attr_t;

/*
 * jia_alloc_attr - @size bytes, placed and aligned as the attributes say.
 * @size: 1 or more. @attr: NULL for the defaults; it and what it points to are read during the call only.
 * Collective by convention, like all allocations, which are cases of this one: the same arguments on every host. Returns
 * NULL with errno set where they fail, on every host alike; a call that failed counts as not made.
 * EINVAL: a size of 0, a placement or host that does not exist, an alignment that is no power of two, a list without a block,
 * an attr->size that this library does not know. ENOMEM: more than the reservation (JIA_REGION_SIZE) holds.
 * JIA_LOG=info tells more.
 * Threads and blocking: as for all allocations. Fatal: nothing, other than for the calls above.
 */
void *jia_alloc_attr(size_t size, const jia_alloc_attr_t *attr);

/*
 * jia_home - the home of the page that an address lies in.
 * Returns a host, or -1 with errno set. EINVAL: an address outside of shared memory, or that is not allocated. EAGAIN: a page
 * placed by first touch whose home this host does not know yet.
 * Threads: any. Does not block, and sends nothing.
 */
int jia_home(const void *address);

/*
 * jia_free - give an allocation back.
 * @start: the address that an allocation returned. NULL does nothing.
 * Collective by convention, like the allocations: every host frees the same in the same place among its calls, and the
 * next barrier compares. It does not synchronise. A host that has made the call must not touch the memory any more; what
 * it wrote there since its last barrier or unlock is lost. Others may use the memory until they make the call themselves.
 * The address range, and the memory behind it on every host, are there for later allocations after the next jia_barrier,
 * which takes two rendezvous then; they begin as zeros again. Free ranges side by side become one, and an allocation takes
 * the first one that is large enough.
 * Does not wait for other hosts, but for pages and changes that another thread of this host has under way.
 * Threads: one at a time on each host, as for the allocations; no other thread uses the memory meanwhile.
 * Fatal: an address that no allocation returned, one inside an allocation, one that has been freed.
 */
void jia_free(void *start);

/*
 * jia_cache_resize - change how much memory this host spends on pages of other hosts (JIA_CACHE_SIZE).
 * @bytes: the new limit, rounded down to whole pages. Each host has a limit of its own: other hosts are not told.
 * Returns 0, or -EINVAL for less than 16 pages, and then changes nothing. Before it returns, what is too much is given back;
 * changed pages go home first, for which it waits. Pages that other threads are fetching or sending home follow later.
 * In a job of one host it has no effect. Threads: any, at any time.
 */
int jia_cache_resize(size_t bytes);


/* ---- Memory pools ----------------------------------------------------------------------------------- */

/*
 * A pool is shared memory for objects of any size, which any host allocates and frees at any time. Every host owns an equal
 * part of it and allocates there without a message. Objects of different hosts are never on one page, unless the pool is to mix
 * them. What the library knows of a pool is not in shared memory: no stray write reaches it. docs/memory.md has the picture.
 *
 * An object is shared memory like any other: the memory model applies. Who reads what another host wrote needs a lock or a
 * barrier for it; and jia_pool_free counts as a write to the object, so who frees one must have seen what others
 * wrote to it last. The contents of a fresh object are undefined unless the pool is to zero them. The zeros are written by the
 * thread that allocates, like anything that it writes there next: allocate inside the scope in which the object is passed on.
 *
 * Fatal in all calls that take an object: one that is no object's address, that lies inside an object, is of another pool, or
 * is free already. Found at the call, or when the object has come back to its host. With JIA_POOL_CHECK=1 in the environment
 * each object has guards around it, and a write past its end is found when it is freed; the line names the pool.
 */

/* Where the pages of a pool live: each part on its host, all on one host, or single pages dealt round the hosts. */
#define JIA_POOL_OWN 0
#define JIA_POOL_HOST 1
#define JIA_POOL_CYCLIC 2

/*
 * jia_pool_attr_t - what a pool is to be like. Set size, and all other members to 0 that are not wanted.
 * @size: sizeof(jia_pool_attr_t). Later versions add members at the end.
 */
typedef struct jia_pool_attr {
	size_t size;
	const char *name;                /* for messages, up to 63 characters; NULL: the pool's id */
	size_t limit;                    /* to how many bytes the pool may grow, at least those of jia_pool_create; 0: to those */
	size_t align;                    /* of every object: a power of two up to the page size; 0: 16 */
	size_t object;                   /* 0, or the largest size that is asked for: every object then takes just that much */
	int placement;                   /* JIA_POOL_OWN, JIA_POOL_HOST or JIA_POOL_CYCLIC */
	int host;                        /* of JIA_POOL_HOST */
	int zero;                        /* not 0: memory of a fresh object is zero */
	int mix;                         /* not 0: objects of different hosts may share pages, when a host's part is used up */
} jia_pool_attr_t;

/*
 * jia_pool_stats_t - what one host has of a pool now. Bytes of objects include what their sizes were rounded up by.
 * @size: sizeof(jia_pool_stats_t), set by the caller. Later versions add members at the end.
 */
typedef struct jia_pool_stats {
	size_t size;
	unsigned long objects;           /* that the program has, of this host's part, whichever host has freed the others */
	unsigned long bytes;             /* of these */
	unsigned long held_bytes;        /* pages that hold objects, or are set aside for some of one size */
	unsigned long peak_bytes;        /* the most that held_bytes has been, since the last jia_pool_reset */
	unsigned long room_bytes;        /* this host's part, with what it has borrowed and without what it has lent */
	unsigned long borrowed_bytes;    /* pages that this host has of other parts */
	unsigned long lent_bytes;        /* pages of this part that other hosts have */
	unsigned long requests;          /* so far: messages that asked other hosts, for room or for the size of an object */
	unsigned long returned;          /* so far: objects of other hosts that were freed here */
} jia_pool_stats_t;

/*
 * jia_pool_create - make a pool.
 * @bytes: how much it is to hold, the parts of all hosts together, rounded up to a whole page for each. @attr: what it is
 * to be like, or NULL; read during the call only. Address space is reserved for all that the pool may grow to; memory follows use,
 * except over RDMA, where home memory is there at once.
 * Collective: every host makes the same call, in the same order with all allocations. Blocks until all have.
 * Returns the pool's id, from 0 up and the same on all hosts, or on all hosts -EINVAL for 0 bytes or an attribute that cannot be,
 * or -ENOMEM when the reservation (JIA_REGION_SIZE) has no room or there are 256 pools.
 * Threads: one at a time on each host, as for jia_alloc.
 */
int jia_pool_create(size_t bytes, const jia_pool_attr_t *attr);

/*
 * jia_pool_alloc, jia_pool_aligned_alloc - allocate an object.
 * @size: its bytes, at least 1. @align: a power of two that its address is to be a multiple of; 16 or what the pool has at least.
 * Most calls send no message and enter no lock. When this host's part is used up they ask the others, which
 * lend pages or, if the pool mixes, give single objects.
 * Return NULL with errno ENOMEM when the pool is used up, and with EINVAL for a pool that does not exist, a size of 0 or above that
 * of a pool for objects of one size, or an @align that is no power of two. An object lies within one host's part, so none is larger
 * than that. Up to 64 free objects of a size, some 8 KiB, stay with each thread that frees some. Threads: any.
 */
void *jia_pool_alloc(int pool, size_t size);
void *jia_pool_aligned_alloc(int pool, size_t align, size_t size);

/*
 * jia_pool_realloc - change the size of an object, which may move.
 * @object: NULL means jia_pool_alloc. @size: at least 1; what is added is undefined, also in a pool that zeroes.
 * A moved object is one of this host, aligned as the pool has it. Returns the object, or NULL and an errno as jia_pool_alloc; then
 * the old one is as it was. May ask the object's host for its size. Threads: any.
 */
void *jia_pool_realloc(int pool, void *object, size_t size);

/*
 * jia_pool_free - free an object, of this host or another one; NULL does nothing.
 * An object of another host goes back to it at this host's next jia_unlock or jia_barrier, or when 64 are due, after what
 * this host has written was sent home. Threads: any. Fatal: see above; a pool that does not exist.
 */
void jia_pool_free(int pool, void *object);

/*
 * jia_pool_reset - free all objects of a pool at once, on all hosts.
 * Collective, and a barrier. No thread uses the pool meanwhile. Fatal: as jia_barrier; a pool that does not exist.
 */
void jia_pool_reset(int pool);

/*
 * jia_pool_destroy - end a pool and all its objects. Its id may be given to another pool.
 * Collective, and a barrier. No thread uses the pool meanwhile. Returns 0, or -EINVAL for a pool that does not exist.
 * Fatal: as jia_barrier.
 */
int jia_pool_destroy(int pool);

/*
 * jia_pool_stats - the numbers of this host.
 * @out: filled up to @out->size, which must be set. What other hosts have freed counts as free after the next barrier at the latest.
 * Returns 0, or -EINVAL for a pool that does not exist, and when @out is NULL or its size is not that of any version.
 * Threads: any. Does not block; the time it takes follows the pages in use.
 */
int jia_pool_stats(int pool, jia_pool_stats_t *out);


/* ---- Fetching ahead and holding --------------------------------------------------------------------- */

/*
 * jia_prefetch - begin to fetch the pages that hold @size bytes from @start on, for use later.
 * Never waits: the pages come while the program goes on, and an access to one that has not come yet waits for it as
 * usual. It is a hint, and no promise: bytes outside of allocated memory are passed over, and a host on which 256 such
 * calls are waiting already ignores further ones. Fetch after the barrier or lock that makes what others wrote visible;
 * what is fetched before is thrown away by it. Threads: any.
 */
void jia_prefetch(const void *start, size_t size);

/*
 * jia_pin_range - fetch the pages that hold @size bytes from @start on, and keep them here, ready for use.
 * Until jia_unpin_range, system calls and others that do not fault pages in, such as MPI or a driver, may read from these
 * pages and write to them; what they write counts as written by this host. Blocks until the pages are here.
 * They are subject to the memory model as ever: jia_barrier, jia_lock and jia_unlock flush them or fetch them anew, and
 * have them ready again when they return; a system call that another thread makes meanwhile may fail with EFAULT. Pinned
 * pages count as written at each barrier and at each jia_unlock of this host, so that others fetch them again: pin what
 * is needed, and no longer. They stay in memory whatever the size of the page cache.
 * Returns 0, or -EINVAL when an allocation does not cover all of the range. A size of 0 does nothing. A range
 * may be pinned several times, and ranges may overlap. Threads: any.
 */
int jia_pin_range(void *start, size_t size);

/*
 * jia_unpin_range - end one jia_pin_range of the same pages.
 * Pages remain here as ordinary copies. Returns 0, or -EINVAL when the range was not pinned, or was unpinned as often
 * as it was pinned. Does not block. Threads: any. Pins end with jia_exit.
 */
int jia_unpin_range(void *start, size_t size);


/* ---- Synchronisation -------------------------------------------------------------------------------- */

/*
 * jia_lock - enter the scope guarded by a lock.
 * @lockid: any value from 0 up; locks need no declaration, and hundreds of thousands are fine.
 * Blocks until granted, first come first served among hosts. On return the caller sees every write that
 * earlier holders made inside their scopes of @lockid (see the memory model).
 * A lock that this host held last is granted without a message. Different locks may be nested.
 * Threads: any; the lock is owned by the calling thread and is not recursive.
 * Fatal: a negative id, a lock that this thread holds already.
 */
void jia_lock(int lockid);

/*
 * jia_unlock - leave the scope guarded by a lock and pass its writes on to the next holder.
 * @lockid: a lock held by the calling thread. Nested scopes may end in any order.
 * Blocks until the writes of this host have reached their homes.
 * Threads: the one that holds the lock. Fatal: a negative id, a lock that this thread does not hold.
 */
void jia_unlock(int lockid);

/*
 * jia_trylock - enter the scope guarded by a lock if that needs no waiting for others.
 * @lockid: as for jia_lock.
 * Returns 0 when the caller holds the lock, with all that jia_lock promises; -EBUSY when somebody holds it or waits for it,
 * the calling thread included. It waits for the answers of other hosts, never for a holder. A lock that is free, and that
 * nobody else asks for at the same time, is not refused. End the scope with jia_unlock.
 * Threads: any. Fatal: a negative id.
 */
int jia_trylock(int lockid);

/*
 * jia_rwlock_rdlock, jia_rwlock_wrlock, jia_rwlock_tryrdlock, jia_rwlock_trywrlock - enter a reader/writer lock's scope.
 * There are many readers in it, or one writer alone. The last two enter if that needs no waiting for others.
 * @rwlockid: any value from 0 up. These locks have numbers of their own: number 1 has nothing to do with lock 1 of jia_lock.
 * On return the caller sees every write that earlier writers made inside their scopes of @rwlockid, as for jia_lock. What a
 * reader writes in its scope is promised to nobody; a reader may use atomic operations, and take other locks to write.
 * First come first served: readers that come after a waiting writer wait behind it. Each call takes a message to the lock's
 * manager (host @rwlockid mod jiahosts) and back; the manager itself needs none.
 * The first two block until let in. The others return 0 when the caller is in, -EBUSY when it would have to wait.
 * Threads: any; the lock is owned by the calling thread and is not recursive: to try for one that it holds is -EBUSY.
 * Fatal: a negative id, a lock that this thread holds already.
 */
void jia_rwlock_rdlock(int rwlockid);
void jia_rwlock_wrlock(int rwlockid);
int jia_rwlock_tryrdlock(int rwlockid);
int jia_rwlock_trywrlock(int rwlockid);

/*
 * jia_rwlock_unlock - leave the scope of a reader/writer lock, as the reader or the writer that the caller is.
 * Blocks until the lock's manager knows, and for a writer before that until the writes of this host have reached their homes.
 * Threads: the one that holds the lock. Fatal: a lock that this thread does not hold, a call of jia_barrier or jia_exit
 * before it.
 */
void jia_rwlock_unlock(int rwlockid);

/*
 * jia_barrier - wait for all hosts; on return each sees every write that any host made before it.
 * Collective: every host calls it equally often. Blocks until the last has arrived.
 * Threads: one a host at a time, any. What other threads of the host write meanwhile belongs to one
 * side of the barrier or the other.
 * Fatal: inside a scope of the calling thread; two threads of one host at once; hosts that made different
 * allocations.
 */
void jia_barrier(void);

/*
 * jia_wait - wait for all hosts, without making any write visible.
 * Collective. Blocks until the last has arrived. Threads: one a host at a time.
 */
void jia_wait(void);

/*
 * jia_setcv, jia_resetcv, jia_waitcv - event flags, one for each id from 0 up, clear at the start.
 * jia_setcv sets the flag for all hosts and wakes those that wait; it stays set until jia_resetcv.
 * jia_waitcv blocks until the flag is set; it returns at once if it is. Setting a flag twice or
 * clearing a clear one does nothing. They make no write visible: take a lock after the wait to read.
 * Threads: any. Fatal: a negative id.
 */
void jia_setcv(int cvid);
void jia_resetcv(int cvid);
void jia_waitcv(int cvid);


/* ---- Messages --------------------------------------------------------------------------------------- */

/*
 * Common to the calls below:
 *
 * Buffers may be private or shared memory. They are read and written by the calling thread like any other
 * memory, so a buffer in shared memory is subject to the memory model. Messages order events, like
 * jia_wait: what they carry is there when they arrive, but they make no write to shared memory visible.
 * Negative lengths and counts, a NULL buffer with a length above 0, and hosts that do not exist are fatal.
 */

/*
 * jia_send - send a message to a host.
 * @buf, @len: its bytes, any number of them, also none. Copied: the buffer may be used again on return.
 * @to: the receiver, which may be this host itself. @tag: any number from 0 up.
 * Messages from one thread to one host with the same tag arrive in the order in which they were sent; none
 * overtakes another. They are buffered at the receiver, so the call does not wait for jia_recv. But when
 * 256 MiB are waiting there that nobody has asked for, it blocks until the receiver calls jia_recv or jia_exit;
 * messages to oneself never block.
 * Threads: any, at any time. Fatal: a negative tag.
 */
void jia_send(const void *buf, size_t len, int to, int tag);

/*
 * jia_recv - wait for a message, and receive it.
 * @buf: for the message. @len: its size in bytes.
 * @from: a host, or MSG_PROC_ALL for any. @tag: a tag, or MSG_TAG_ALL for any.
 * Takes the message that arrived first of those that match. Returns the number of bytes received. Blocks
 * until there is one, without using the processor. Threads: any, several at once; each message goes to one
 * of them.
 * Fatal: a message longer than the buffer, for half a message would be a bug that nobody sees.
 */
long jia_recv(void *buf, size_t len, int from, int tag);

#ifndef MSG_PROC_ALL
#define MSG_PROC_ALL (-1)
#endif
#ifndef MSG_TAG_ALL
#define MSG_TAG_ALL (-1)
#endif

/*
 * jia_bcast - copy a buffer of one host to all.
 * @buf: read on host @root, written on all others. @len: bytes, the same on all hosts.
 * Collective: every host makes the same collective calls (jia_bcast, jia_reduce, jia_loadcheck) with the
 * same @len and @root, in the same order. Blocks until the bytes are here; the root does not wait for the
 * others. Has nothing to do with the messages of jia_send. Threads: one a host at a time.
 * Fatal: collective calls that differ, where hosts that talk to each other find it out; a second thread.
 */
void jia_bcast(void *buf, size_t len, int root);

/*
 * jia_reduce - combine the operands of all hosts, element by element.
 * @snd: @cnt operands of this host. @rcv: for the @cnt results, on host @root; not used on others, where it
 * may be NULL. The two may be the same buffer, but not overlap otherwise.
 * @op: SUM, MAX or MIN of INT, FLOAT or DOUBLE, which is also the type of the operands.
 * Collective, as jia_bcast. Blocks until the results are here; on other hosts than the root, until the part
 * of this host is done. Operands are combined in an order that depends on the number of hosts alone, so
 * equal operands give equal results, to the last bit. A sum of ints that overflows wraps around; where an
 * operand of MAX or MIN is not a number, the result depends on which host has it.
 * Threads: one a host at a time. Fatal: an @op that does not exist, and as for jia_bcast.
 */
void jia_reduce(const void *snd, void *rcv, size_t cnt, int op, int root);

#ifndef SUM_INT
#define SUM_INT 0
#define MAX_INT 1
#define MIN_INT 2
#define SUM_FLOAT 10
#define MAX_FLOAT 11
#define MIN_FLOAT 12
#define SUM_DOUBLE 20
#define MAX_DOUBLE 21
#define MIN_DOUBLE 22
#endif


/* ---- Atomic operations ------------------------------------------------------------------------------ */

/*
 * Common to the calls below:
 *
 * They act on one word of shared memory: 32 bits, an unsigned int, or 64 bits, an unsigned long. @object is its address, a
 * multiple of its size. Each is executed at the home of the word's page: on that host, and on others of the same machine that
 * share memory with it, it costs no message, elsewhere one there and one back, which no thread of the program at the home
 * has to wait for.
 *
 * All atomic operations on a word, by whatever host, happen one after the other, in an order on which all hosts agree. They
 * order nothing else (memory_order_relaxed of C11): to hand data over, use a lock or a barrier. To those an atomic operation
 * that stores is a store of its host like any other: what locks and barriers promise about stores holds for it, and it
 * finds what the calling thread, or the scopes and barriers before, stored to the word. A plain load of the word
 * without a lock or a barrier may be stale, and a plain store at the same time as an atomic operation of another thread
 * may be lost; use jia_atomic_load_u64 and its like then.
 *
 * Threads: any, also inside scopes. They block until the operation is over.
 * Fatal: an address that is not in shared memory, or not a multiple of the size.
 */

/* jia_atomic_load_u32, jia_atomic_load_u64 - what @object holds. */
unsigned int jia_atomic_load_u32(const volatile unsigned int *object);
unsigned long jia_atomic_load_u64(const volatile unsigned long *object);

/* jia_atomic_store_u32, jia_atomic_store_u64 - store @desired. */
void jia_atomic_store_u32(volatile unsigned int *object, unsigned int desired);
void jia_atomic_store_u64(volatile unsigned long *object, unsigned long desired);

/* jia_atomic_fetch_add_u32, jia_atomic_fetch_add_u64 - add @operand, modulo 2^32 or 2^64. Returns what @object held before. */
unsigned int jia_atomic_fetch_add_u32(volatile unsigned int *object, unsigned int operand);
unsigned long jia_atomic_fetch_add_u64(volatile unsigned long *object, unsigned long operand);

/* jia_atomic_exchange_u32, jia_atomic_exchange_u64 - store @desired. Returns what @object held before. */
unsigned int jia_atomic_exchange_u32(volatile unsigned int *object, unsigned int desired);
unsigned long jia_atomic_exchange_u64(volatile unsigned long *object, unsigned long desired);

/*
 * jia_atomic_compare_exchange_u32, jia_atomic_compare_exchange_u64 - store @desired if @object holds what @expected points to, and return 1.
 * Else it returns 0, and *@expected becomes what @object holds. Never fails without a reason.
 */
int jia_atomic_compare_exchange_u32(volatile unsigned int *object, unsigned int *expected, unsigned int desired);
int jia_atomic_compare_exchange_u64(volatile unsigned long *object, unsigned long *expected, unsigned long desired);


/* ---- Checkpoints and failures ----------------------------------------------------------------------- */

/*
 * With JIA_CKPT_DIR=dir the shared memory can be stored there, and with JIA_RESTORE=dir a later run begins with what was stored,
 * on as many hosts or on another number of them. A checkpoint is what all hosts have written before a barrier. It is a
 * generation, a number from 1 up, and exists only when every host has its part on disk; until then the one before
 * counts. docs/fault-tolerance.md says what is saved and what a program has to do.
 */

/*
 * jia_checkpoint - a barrier, with a checkpoint of the shared memory as it is there.
 * Collective, like jia_barrier. Blocks until the checkpoint is on disk. Returns its generation, at least 1, on all hosts; or on
 * all hosts a negative error number, after a line that says more: -EINVAL without JIA_CKPT_DIR (the line comes once), -ENOSPC when a disk
 * is full, another when a part could not be written. Nothing is lost then: the checkpoint before stays, and the job goes on.
 * No thread of a host may be inside a scope, or write to shared memory, during the call: what it writes then may be saved in part.
 * Threads: as jia_barrier. Fatal: as jia_barrier.
 */
int jia_checkpoint(void);

/*
 * jia_checkpoint_start - like jia_checkpoint, but return when what is to be stored is marked, and write it meanwhile.
 * What the program then writes to is copied first. Returns the generation that is being written, or a negative error number
 * as jia_checkpoint. One that is under way is waited for first. The same happens by itself in the first jia_barrier after
 * JIA_CKPT_INTERVAL seconds, if none is under way.
 */
int jia_checkpoint_start(void);

/*
 * jia_checkpoint_wait - wait for the checkpoint that was begun last, by jia_checkpoint_start or a jia_barrier.
 * Not collective. Blocks until it is on disk, or cannot be. Returns what became of it: its generation or a negative error number; 0 if there was none. Threads: any.
 */
int jia_checkpoint_wait(void);

/*
 * jia_restored - which generation this run began from.
 * Returns 0 after a fresh start. After a restore every host makes its jia_alloc calls as the run before did: those that were not
 * freed by the checkpoint, in their old order, return the old addresses with the stored contents, and where the number of
 * hosts has changed the pages are dealt out anew, by the same call. A call that does not fit is fatal. Does not block. Threads: any.
 */
int jia_restored(void);

/*
 * jia_checkpoint_register - have @size bytes of this host's private memory at @addr stored with every checkpoint, as @name.
 * They are copied while the host is in the barrier. After a restore the call fills them with what the same host has stored under
 * the name. Returns 1 if it has done that, 0 if there was nothing to restore (a fresh start, a name that was not registered, or
 * a host that did not exist); -EINVAL for no name, one longer than 255 bytes or one registered before, for shared memory, which is
 * stored anyway, and if what was stored has another size; these leave the memory as it is. Hosts need not register the same.
 * Does not block. Threads: any.
 */
int jia_checkpoint_register(void *addr, size_t size, const char *name);

/*
 * jia_on_failure - have @callback called when the job is about to end because a host was lost.
 * @host is which one, or -1 where that is not known, and @reason one line. The callback runs in a thread of the library, once, on each host that is left, while
 * the program's threads may still run. It may write files and end the process; it must not touch shared memory, nor call
 * the library. When it returns, or after 300 ms, the host ends. NULL takes it back. It may be called before jia_init. Does not block. Threads: any.
 */
void jia_on_failure(void (*callback)(int host, const char *reason));



/* ---- Dividing work ---------------------------------------------------------------------------------- */

/*
 * jia_divtask - this host's part of a range of subscripts.
 * @begin, @end: the first subscript and the last one, INCLUSIVE (for C's `i < n` pass n-1); on return, this
 * host's first and last. An empty part has *end = *begin - 1, so `for (i = *begin; i <= *end; i++)` is
 * right for it, too. The parts of hosts 0, 1, ... follow each other and cover the range. They differ by one at
 * most; with LOADBAL on, their sizes are as the speeds that jia_loadcheck has measured.
 * Every host passes the same range. Does not block, sends nothing. Threads: any; with LOADBAL on, the one
 * that computes.
 */
void jia_divtask(int *begin, int *end);

/*
 * jia_loadcheck - measure how fast the hosts are, and divide later ranges accordingly.
 * Does nothing unless jia_config(LOADBAL, ON) was called. Then it is collective, as jia_bcast, and takes for
 * a host's speed the size of its last part, divided by the time that the calling thread has computed since it
 * called jia_divtask or jia_loadcheck last. Time in which the thread waited in the library (for pages, locks,
 * barriers, messages) does not count. Weights move half way to the new measure each time, so that one
 * disturbance does little, and no host's falls below a sixteenth of an equal share. Call it after the
 * barrier that ends the work.
 * Threads: one a host, the one that calls jia_divtask and does the work.
 */
void jia_loadcheck(void);

/*
 * jia_config - turn an optimisation on or off.
 * @what: HMIG (home migration), ADWD (adaptive write detection), BROADCAST, LOADBAL (load balancing; see
 * jia_loadcheck), WVEC (write vectors), RDMA. @on: ON or OFF. All are off at the start.
 * In this version only LOADBAL does something: turning it on or off forgets what was measured. HMIG, ADWD,
 * BROADCAST and WVEC are accepted and have no effect yet; these optimisations follow in a later version. RDMA is
 * accepted too: the transport is the setting JIA_COMM_TYPE. Another @what is ignored with one warning.
 * Every host makes the same calls. Does not block. Threads: any, but not during a call of jia_loadcheck.
 */
void jia_config(int what, int on);

#ifndef HMIG
#define HMIG 0
#endif
#ifndef ADWD
#define ADWD 1
#endif
#ifndef BROADCAST
#define BROADCAST 2
#endif
#ifndef LOADBAL
#define LOADBAL 3
#endif
#ifndef WVEC
#define WVEC 4
#endif
#ifndef RDMA
#define RDMA 5
#endif


/* ---- Statistics ------------------------------------------------------------------------------------- */

/*
 * With JIA_STATS=1 in the environment of host 0 the job prints, in its jia_exit, a table of what every host did on
 * standard error; with JIA_STATS=name.json it writes the same to that file (see docs/statistics.md). A program
 * can have its own host's numbers with jia_stats. Counting is always on; it takes about 0.1 us of a call that waits.
 */

/*
 * jia_stats_t - what one host did since jia_init, or in the windows of jia_startstat.
 * @size: sizeof(jia_stats_t), set by the caller. Later versions add members at the end.
 * Times are in seconds. They are split for the thread that called jia_init: elapsed is the sum of computing, faulting,
 * locks, barriers, messages and waiting. Counts are 64 bits wide and are of all threads of the host, as is the service that it
 * gives to other hosts.
 */
typedef struct jia_stats {
	size_t size;

	double seconds_elapsed;
	double seconds_computing;        /* the rest: the program itself, and faults and calls that need no other host */
	double seconds_faulting;         /* waiting for pages of other hosts */
	double seconds_locks;            /* in jia_lock and jia_unlock: waiting for the lock, sending changes home */
	double seconds_barriers;         /* in jia_barrier, jia_exit, jia_checkpoint: sending changes home, waiting for all */
	double seconds_messages;         /* in jia_send, jia_recv and collective calls: waiting for messages, or for room */
	double seconds_waiting;          /* in jia_wait, the condition variables, and other calls that wait */
	double seconds_others;           /* the waits of all other threads of the host, added up */

	unsigned long read_faults;       /* loads that found no access to their page */
	unsigned long write_faults;      /* stores that found none, or only access for loads */
	unsigned long pages_fetched;     /* pages brought from their homes */
	unsigned long page_bytes_fetched; /* their contents; a page that nobody has written comes without */
	unsigned long pages_served;      /* pages given to other hosts that fetched them */
	unsigned long pages_invalidated; /* copies dropped because another host had written to the page */
	unsigned long twins;             /* copies made at the first store to a page of another host, to compare with later */
	unsigned long diffs_sent;        /* pages whose changes were sent home */
	unsigned long diff_bytes_sent;   /* the size of these diffs */
	unsigned long diffs_received;    /* pages here that other hosts sent changes of */
	unsigned long diff_bytes_received;

	unsigned long locks_local;       /* locks got without a message: held here last, or passed on by another thread */
	unsigned long locks_remote;      /* locks got from another host */
	unsigned long barriers;          /* calls of jia_barrier */
	unsigned long waits;             /* calls of jia_wait and jia_waitcv */

	unsigned long messages_passed;   /* calls of jia_send */
	unsigned long message_bytes_passed; /* what they passed */
	unsigned long messages_taken;    /* calls of jia_recv that have got their message */
	unsigned long message_bytes_taken;
	unsigned long collectives;       /* calls of jia_bcast and jia_reduce */
	unsigned long collective_bytes;  /* their buffers or operands */

	unsigned long messages_sent;     /* by the library to other hosts, for whatever purpose */
	unsigned long message_bytes_sent; /* with their headers, without those of the network */
	unsigned long messages_received;
	unsigned long message_bytes_received;

	unsigned long home_pages;        /* now: pages homed here that have been written, or mapped for a store */
	unsigned long cached_pages;      /* now: valid copies of pages of other hosts */
	unsigned long memory_bytes;      /* now: memory that shared pages take on this host, at home and cached */

	unsigned long pages_read;        /* of pages_fetched, those read without the home's processor */
	unsigned long diffs_written;     /* of diffs_sent, those stored without the home's processor */
	unsigned long pages_ahead;       /* of pages_fetched, those fetched ahead of an access */
	unsigned long pages_ahead_unused; /* of these, those dropped before there was one */
	unsigned long pages_evicted;     /* copies given up for want of room in the page cache */
	unsigned long pages_probed;      /* copies hidden to see whether they are in use */
	unsigned long pages_probed_used; /* of these, those that were */
	unsigned long cache_bytes;       /* now: memory behind pages of other hosts */
	unsigned long cache_limit_bytes; /* now: what that may be at most; 0 in a job of one host */
	unsigned long checkpoints;       /* that became complete */
	unsigned long checkpoint_bytes;  /* this host's files of them */
	double seconds_checkpoints;      /* of seconds_barriers, or of seconds_others: while what they store was marked */
} jia_stats_t;

/*
 * jia_stats - the numbers of this host.
 * @out: filled up to @out->size, which must be set. What this library does not know is set to 0.
 * A wait under way counts up to now, that of another thread when it is over. After jia_exit the numbers are those of its end.
 * Returns 0, -EINVAL when @out is NULL or its size is not that of any version, -ENOTCONN before jia_init.
 * Threads: any. Does not block.
 */
int jia_stats(jia_stats_t *out);

/*
 * jia_startstat, jia_stopstat - begin and end a window of counting on this host.
 * jia_stats, and the report at exit, then show what was counted in the windows only, all together. Without them they show the whole run. The first jia_startstat drops
 * what came before; jia_stopstat without it ends a window that began in jia_init. Starting twice, or stopping
 * twice, does nothing. The values that jia_stats_t calls "now" do not depend on windows.
 * They are not collective, but figures of different hosts compare only if all call them at the same places, best after a
 * barrier. Return the microseconds since jia_init, modulo 2^32. Threads: any. Do not block.
 */
unsigned int jia_startstat(void);
unsigned int jia_stopstat(void);


/* ---- Names that programs lean on -------------------------------------------------------------------- */

#ifndef ON
#define ON 1
#endif
#ifndef OFF
#define OFF 0
#endif

/* Hints about writes to come. They do nothing; their arguments are not evaluated. */
#ifndef jia_wtnt
#define jia_wtnt(a, b) { }
#endif
#ifndef jia_wtntw
#define jia_wtntw(a) { }
#endif
#ifndef jia_wtntd
#define jia_wtntd(a) { }
#endif

/*
 * The macros of the Argonne National Laboratory (ANL), as in the SPLASH programs.
 *
 * Those that act are whole statements: a semicolon after them is welcome, not needed, and they may stand
 * in an `if` without braces. (C leaves one gap: before `else` write either braces or no semicolon.)
 * Those that declare end with a semicolon. G_MALLOC and G2_MALLOC end an assignment.
 * What the INIT macros number has to be the same on all hosts: run them on every host in the same
 * order, or on one host with the variables in shared memory and a barrier after. Not thread-safe.
 *
 * Define JIA_NO_ANL before the inclusion to do without them.
 */
#ifndef JIA_NO_ANL

/* jia_lock_index - the next id that an INIT macro gives out; begins at 0. Ids are not reused. */
extern int jia_lock_index;

/* Maxlocks - for programs that size arrays by it or fold ids; locks are not limited to it. */
#ifndef Maxlocks
#define Maxlocks 1024
#endif

#define LOCKDEC(x) int x;
#define LOCKINIT(x) { (x) = jia_lock_index++; }
#define LOCK(x) { jia_lock(x); }
#define UNLOCK(x) { jia_unlock(x); }
#define QLOCK(x) { jia_lock(x); }
#define QUNLOCK(x) { jia_unlock(x); }

/* An array of y locks. */
#define ALOCKDEC(x, y) int x[y];
#define ALOCKINIT(x, y) \
	{ int jia_anl_i; for (jia_anl_i = 0; jia_anl_i < (y); jia_anl_i++) (x)[jia_anl_i] = jia_lock_index++; }
#define ALOCK(x, y) { jia_lock((x)[y]); }
#define AULOCK(x, y) { jia_unlock((x)[y]); }

/* There is one barrier, of all hosts; BARRIER ignores both its name and the count of processes. */
#define BARDEC(x) int x;
#define BARRIER(x, y) { jia_barrier(); }

/* The environment needs none of these: programs call jia_init and jia_exit. */
#define EXTERN_ENV
#define MAIN_ENV
#define MAIN_END
#define WAIT_FOR_END(x) { jia_barrier(); }

/* Written with one argument or two, or an empty one, depending on the program. */
#if defined(__cplusplus) || !defined(__STRICT_ANSI__) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
#if defined(__GNUC__) /* gnu89 has them too; -Wpedantic is not to complain of it */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvariadic-macros"
#endif
#define BARINIT(...) { }
#define MAIN_INITENV(...)
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#else
#define BARINIT(x) { }
#define MAIN_INITENV(x, y)
#endif

/* Event flags: SET and RESET change one, POLL and ACCEPT wait until it is set. See jia_setcv. */
#define PAUSEDEC(x) int x;
#define PAUSEINIT(x) { (x) = jia_lock_index++; }
#define PAUSE_SET(x, y) { jia_setcv(x); }
#define PAUSE_RESET(x) { jia_resetcv(x); }
#define PAUSE_POLL(x) { jia_waitcv(x); }
#define PAUSE_ACCEPT(x) { jia_waitcv(x); }

/*
 * Loops whose iterations hosts take as they come free. GETSUB(x, i, last, hosts) sets i to the next
 * subscript from 0 to last; when none is left it waits for all hosts, as a barrier, and sets i to -1 on
 * each; the loop can then begin again. x lies in shared memory; hosts is jiahosts.
 */
struct jia_subscripts {
	int lock;
	int next; /* guarded by lock; above last it counts the hosts that found none left */
};
#define GSDEC(x) struct jia_subscripts x;
#define GSINIT(x) { (x).lock = jia_lock_index++; (x).next = 0; }
#define GETSUB(x, i, last, hosts) \
	{ \
		jia_lock((x).lock); \
		(i) = (x).next++; \
		if ((i) > (last)) { \
			if ((i) == (last) + (hosts)) (x).next = 0; \
			(i) = -1; \
		} \
		jia_unlock((x).lock); \
		if ((i) < 0) jia_barrier(); \
	}

/* x bytes, pages dealt round the hosts; x bytes on host y (counted modulo jiahosts). */
#define G_MALLOC(x) jia_alloc(x);
#define G2_MALLOC(x, y) jia_alloc2p((x), (int)((y) % jiahosts));

/* x gets the seconds since jia_init. */
#define CLOCK(x) { (x) = jia_clock(); }

#endif /* JIA_NO_ANL */

#ifdef __cplusplus
}
#endif

#endif /* JIA_H */
