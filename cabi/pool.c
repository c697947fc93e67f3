/*
 * pool.c - memory pools: the part of each thread.
 *
 * A call into Go takes a microsecond, most of it for signal masks (shield.c), which is more than an allocation may cost. So
 * each thread keeps magazines, stacks of free objects of each size class, and most calls are served from these: pop or push,
 * and a bit in the table of live objects, by which an object that is freed twice is found. Go fills an empty magazine,
 * takes half of a full one, and serves large objects and those of other hosts. See package pool for the rest.
 *
 * The magazines of a thread that has ended lie in `idle` until the next new thread takes them over as they are: nothing
 * has to be called while a thread ends, also not in a forked child.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"
#include "pool.h"
#include "poolcheck.h"
#include "shield.h"
#include "_cgo_export.h"

struct magazine {
	unsigned int n;
	char *object[POOL_KEEP];
};

/* What a thread has of a pool; worth nothing when the pool has another serial number by now. */
struct stock {
	unsigned long serial;
	struct magazine of[POOL_CLASSES];
};

struct cache {
	struct cache *next; /* in idle */
	struct stock *stock[POOL_MOST];
};

struct jia_pool *jia_pools[POOL_MOST];
static struct cache *idle;
static __thread struct cache *mine;
static pthread_key_t at_thread_end;

static void put_idle(struct cache *c)
{
	c->next = __atomic_load_n(&idle, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&idle, &c->next, c, 1, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

/* take_idle returns all of them, so that nobody meets a list that changes under his hands. */
static struct cache *take_idle(void)
{
	return __atomic_exchange_n(&idle, NULL, __ATOMIC_ACQUIRE);
}

static void thread_ends(void *cache)
{
	mine = NULL;
	put_idle(cache);
}

__attribute__((constructor(106))) static void prepare(void)
{
	if (pthread_key_create(&at_thread_end, thread_ends) != 0)
		abort();
}

/* cache returns the calling thread's, NULL when there is no memory. */
static struct cache *cache(void)
{
	struct cache *c, *rest, *next;

	if (mine)
		return mine;
	c = take_idle();
	if (c) {
		for (rest = c->next; rest; rest = next) {
			next = rest->next;
			put_idle(rest);
		}
	} else if (!(c = calloc(1, sizeof *c)))
		return NULL;
	if (pthread_setspecific(at_thread_end, c) != 0) {
		put_idle(c);
		return NULL;
	}
	return mine = c;
}

/* stock returns what a thread has of a pool, NULL when there is no memory. */
static inline struct stock *stock(int id, const struct jia_pool *p)
{
	struct cache *c = mine ? mine : cache();
	struct stock *s = c ? c->stock[id] : NULL;
	int i;

	if (s && s->serial == p->serial)
		return s;
	if (!c || (!s && !(s = c->stock[id] = malloc(sizeof *s))))
		return NULL;
	s->serial = p->serial;
	for (i = 0; i < POOL_CLASSES; i++)
		s->of[i].n = 0;
	return s;
}

static inline struct jia_pool *find(int id)
{
	return id >= 0 && id < POOL_MOST ? __atomic_load_n(&jia_pools[id], __ATOMIC_ACQUIRE) : NULL;
}

/* give returns the last n objects of a magazine to their part. */
static void give(int id, const struct jia_pool *p, struct magazine *m, unsigned int n)
{
	struct jia_call call;
	unsigned long at[POOL_KEEP];
	unsigned int i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		at[i] = (unsigned long)(m->object[--m->n] - p->base);
	jia_enter(&call);
	jiaGoPoolPut(id, at, (int)n);
	jia_leave(&call);
}

static void give_all(int id, const struct jia_pool *p, struct stock *s)
{
	int i;

	if (!s || s->serial != p->serial)
		return;
	for (i = 0; i < p->classes; i++)
		give(id, p, &s->of[i], s->of[i].n);
}

/* give_kept returns all that this thread, and those that have ended, have kept of a pool that is used up. */
static void give_kept(int id, const struct jia_pool *p)
{
	struct cache *c, *next;

	give_all(id, p, mine ? mine->stock[id] : NULL);
	for (c = take_idle(); c; c = next) {
		next = c->next;
		give_all(id, p, c->stock[id]);
		put_idle(c);
	}
}

static void refill(int id, const struct jia_pool *p, int class, struct magazine *m)
{
	struct jia_call call;
	unsigned long at[POOL_KEEP];
	int i, n;

	jia_enter(&call);
	n = jiaGoPoolTake(id, class, at, (p->keep[class] + 1) / 2);
	jia_leave(&call);
	for (i = n; i > 0; i--) /* so that the first comes first */
		m->object[m->n++] = p->base + at[i - 1];
}

/* mark notes that the object at an offset is the program's; unmark that it is not, and tells whether it was. */
static inline void mark(const struct jia_pool *p, unsigned long at)
{
	__atomic_fetch_or(&p->live[at / POOL_GRANULE / 32], UINT32_C(1) << at / POOL_GRANULE % 32, __ATOMIC_RELAXED);
}

static inline int unmark(const struct jia_pool *p, unsigned long at)
{
	uint32_t bit = UINT32_C(1) << at / POOL_GRANULE % 32;

	return (__atomic_fetch_and(&p->live[at / POOL_GRANULE / 32], ~bit, __ATOMIC_RELAXED) & bit) != 0;
}

/* class_for returns the class for an object, -1 when it is none for a class. */
static inline int class_for(const struct jia_pool *p, size_t size, size_t align)
{
	int class;

	if (size > p->small || align > (size_t)1 << p->shift)
		return -1;
	class = p->class_of[(size + POOL_GRANULE - 1) / POOL_GRANULE];
	while (align > POOL_GRANULE && p->sizes[class] % align != 0)
		if (++class == p->classes)
			return -1;
	return class;
}

/* from_go gets an object that no magazine has. */
static char *from_go(int id, const struct jia_pool *p, size_t size, size_t align, int *fresh)
{
	struct jia_call call;
	unsigned long at;
	int kept;

	for (kept = 0;; kept = 1) {
		jia_enter(&call);
		at = jiaGoPoolAlloc(id, size, align, fresh);
		jia_leave(&call);
		if (at != POOL_NOTHING)
			return p->base + at;
		if (kept)
			return NULL;
		give_kept(id, p);
	}
}

/* get returns an object of size bytes at a multiple of align, or NULL. fresh is set when its memory is known to be zero. */
static inline char *get(int id, const struct jia_pool *p, size_t size, size_t align, int *fresh)
{
	int class = class_for(p, size, align);
	struct stock *s = class >= 0 ? stock(id, p) : NULL;
	struct magazine *m;
	char *object;

	*fresh = 0;
	if (!s)
		return from_go(id, p, size, align, fresh);
	m = &s->of[class];
	if (m->n == 0) {
		refill(id, p, class, m);
		if (m->n == 0)
			return from_go(id, p, size, align, fresh);
	}
	object = m->object[--m->n];
	mark(p, (unsigned long)(object - p->base));
	return object;
}

/* allocate is behind the three calls; align is 0 or a power of two. */
static inline void *allocate(int id, size_t align, size_t size)
{
	struct jia_pool *p = find(id);
	size_t want = size;
	int fresh;
	char *object;

	if (!p || size == 0 || (p->object && size > p->object)) {
		errno = EINVAL;
		return NULL;
	}
	if (align < p->align)
		align = p->align;
	if (size > p->bytes || align > p->bytes) {
		errno = ENOMEM;
		return NULL;
	}
	if (p->check)
		want += align + GUARD_BEHIND;
	object = get(id, p, want, align, &fresh);
	if (!object) {
		errno = ENOMEM;
		return NULL;
	}
	if (p->check)
		object = jia_guard(object, align, size);
	if (p->zero && !fresh)
		memset(object, 0, size);
	return object;
}

void *jia_pool_alloc(int pool, size_t size)
{
	return allocate(pool, 0, size);
}

void *jia_pool_aligned_alloc(int pool, size_t align, size_t size)
{
	if (align == 0 || (align & (align - 1)) != 0) {
		errno = EINVAL;
		return NULL;
	}
	return allocate(pool, align, size);
}

/* bad ends the job: what a call was given is no object. */
static void bad(const char *call, int id, const struct jia_pool *p, const void *object, const char *why)
{
	jia_error("%s(%d, %p), pool \"%s\": %s; pass what jia_pool_alloc returned and nobody has freed", call, id, object, p->name, why);
}

/* inspect looks at what is around a guarded object, and ends the job when it is none, or the program has written there. */
static struct jia_verdict inspect(const char *call, int id, const struct jia_pool *p, char *object)
{
	struct jia_verdict v = jia_look(p->base, p->bytes, object);

	switch (v.what) {
	case JIA_GUARD_WHOLE:
		break;
	case JIA_GUARD_FREED:
		bad(call, id, p, object, "the object there is free already");
		break;
	case JIA_GUARD_BEFORE:
		bad(call, id, p, object, "no object begins there, or the bytes before it were overwritten");
		break;
	case JIA_GUARD_OVERRUN:
		jia_error("%s(%d, %p), pool \"%s\": the program has written past the end of this object of %zu bytes, at byte %zu; "
			  "look for a loop or a copy that goes too far", call, id, (void *)object, p->name, v.size, v.at);
	}
	return v;
}

void jia_pool_free(int pool, void *object)
{
	struct jia_pool *p = find(pool);
	struct jia_call call;
	struct stock *s;
	struct magazine *m;
	unsigned long at, page, class, size;
	uint32_t entry;

	if (!object)
		return;
	if (!p)
		jia_error("jia_pool_free(%d, %p): there is no such pool; pass what jia_pool_create returned", pool, object);
	at = (unsigned long)((char *)object - p->base);
	if (at >= p->bytes)
		bad("jia_pool_free", pool, p, object, "the address is not in this pool");
	if (at % POOL_GRANULE != 0)
		bad("jia_pool_free", pool, p, object, "it lies inside an object, not at its beginning");
	if (p->check) {
		at -= inspect("jia_pool_free", pool, p, object).front;
		jia_unguard(object);
	}
	page = at >> p->shift;
	entry = __atomic_load_n(&p->pages[page], __ATOMIC_RELAXED);
	class = entry >> 16;
	s = class > 0 && class != POOL_LARGE ? stock(pool, p) : NULL;
	if (!s) { /* large, or of another host */
		jia_enter(&call);
		jiaGoPoolFree(pool, at);
		jia_leave(&call);
		return;
	}
	size = at - ((page - (entry & 0xffff)) << p->shift);
	if ((uint32_t)size % p->sizes[class - 1] != 0)
		bad("jia_pool_free", pool, p, object, "it lies inside an object, not at its beginning");
	if (!unmark(p, at))
		bad("jia_pool_free", pool, p, object, "the object there is free already");
	m = &s->of[class - 1];
	if (m->n == p->keep[class - 1])
		give(pool, p, m, (m->n + 1) / 2);
	m->object[m->n++] = p->base + at;
}

/* room returns how many bytes an object may have without being moved, and ends the job when it is none. */
static size_t room(int id, const struct jia_pool *p, void *object)
{
	struct jia_call call;
	size_t size;

	jia_enter(&call);
	size = jiaGoPoolSize(id, (unsigned long)((char *)object - p->base));
	jia_leave(&call);
	return size;
}

void *jia_pool_realloc(int pool, void *object, size_t size)
{
	struct jia_pool *p = find(pool);
	void *moved;
	size_t old;

	if (!object || !p || size == 0 || (p->object && size > p->object))
		return allocate(pool, 0, size); /* which also says what is wrong */
	if ((unsigned long)((char *)object - p->base) >= p->bytes || (unsigned long)((char *)object - p->base) % POOL_GRANULE != 0)
		bad("jia_pool_realloc", pool, p, object, "no object begins there");
	if (p->check) {
		old = inspect("jia_pool_realloc", pool, p, object).size;
	} else {
		old = room(pool, p, object);
		if (size <= old && size > old / 2)
			return object;
	}
	moved = allocate(pool, 0, size);
	if (moved) {
		memcpy(moved, object, size < old ? size : old);
		jia_pool_free(pool, object);
	}
	return moved;
}
