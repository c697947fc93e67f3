/* poolmake.c - memory pools: the calls that all hosts make together, and the numbers. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "jia.h"
#include "parts.h"
#include "pool.h"
#include "poolcheck.h"
#include "shield.h"
#include "_cgo_export.h"

enum { KEEP_BYTES = 8192 }; /* about so much a magazine holds at most, but always one object */

_Static_assert(sizeof(jia_pool_stats_t) == sizeof(size_t) + 8 * POOL_WORDS, "jia_pool_stats_t is made of words of 8 bytes");

/* find returns a pool, or NULL when there is none. */
static struct jia_pool *find(int id)
{
	return id >= 0 && id < POOL_MOST ? __atomic_load_n(&jia_pools[id], __ATOMIC_ACQUIRE) : NULL;
}

/* existing returns a pool, and ends the job when there is none. */
static struct jia_pool *existing(const char *call, int id)
{
	struct jia_pool *p = find(id);

	if (!p)
		jia_error("%s(%d): there is no such pool; pass what jia_pool_create returned", call, id);
	return p;
}

/* decide turns what the caller says into what is wanted of a pool. */
static int decide(struct jia_pool_wanted *w, struct jia_pool *p, size_t bytes, const jia_pool_attr_t *attr, size_t page)
{
	jia_pool_attr_t a;

	if (!part_read(&a, sizeof a, attr, offsetof(jia_pool_attr_t, mix) + sizeof a.mix) || bytes == 0 || (a.limit != 0 && a.limit < bytes))
		return -EINVAL;
	w->bytes = a.limit ? a.limit : bytes;
	if ((a.align & (a.align - 1)) != 0 || a.align > page || a.object > w->bytes)
		return -EINVAL;
	if (a.placement < JIA_POOL_OWN || a.placement > JIA_POOL_CYCLIC || (a.placement == JIA_POOL_HOST && (a.host < 0 || a.host >= jiahosts)))
		return -EINVAL;
	w->align = a.align > POOL_GRANULE ? a.align : POOL_GRANULE;
	w->placement = a.placement;
	w->host = a.host;
	w->mix = a.mix;
	w->object = p->object = a.object;
	if (p->check && a.object)
		w->object += w->align + GUARD_BEHIND;
	p->align = w->align;
	p->zero = a.zero;
	if (a.name)
		snprintf(p->name, sizeof p->name, "%s", a.name);
	w->name = p->name;
	return 0;
}

int jia_pool_create(size_t bytes, const jia_pool_attr_t *attr)
{
	struct jia_pool_wanted w;
	struct jia_pool *p = calloc(1, sizeof *p);
	struct jia_call call;
	int i, id;

	if (!p)
		jia_error("jia_pool_create: no memory for the tables");
	jia_enter(&call);
	p->check = jiaGoPoolCheck();
	id = decide(&w, p, bytes, attr, jiaGoPoolPageSize());
	if (id == 0)
		id = jiaGoPoolCreate(jia_caller(), &w, p);
	jia_leave(&call);
	if (id < 0) {
		free(p);
		return id;
	}
	if (!p->name[0])
		snprintf(p->name, sizeof p->name, "%d", id);
	for (i = 0; i < p->classes; i++)
		p->keep[i] = p->sizes[i] < KEEP_BYTES / POOL_KEEP ? POOL_KEEP : p->sizes[i] < KEEP_BYTES ? KEEP_BYTES / p->sizes[i] : 1;
	__atomic_store_n(&jia_pools[id], p, __ATOMIC_RELEASE);
	return id;
}

void jia_pool_reset(int pool)
{
	struct jia_pool *p = existing("jia_pool_reset", pool);
	struct jia_call call;

	jia_enter(&call);
	p->serial = jiaGoPoolReset(jia_caller(), pool);
	jia_leave(&call);
}

int jia_pool_destroy(int pool)
{
	struct jia_pool *p = find(pool);
	struct jia_call call;

	if (!p)
		return -EINVAL;
	jia_enter(&call);
	jiaGoPoolDestroy(jia_caller(), pool);
	jia_leave(&call);
	__atomic_store_n(&jia_pools[pool], NULL, __ATOMIC_RELEASE);
	free(p);
	return 0;
}

/* jia_pool_stats fills as much of the caller's structure as it has, as jia_stats does. */
int jia_pool_stats(int pool, jia_pool_stats_t *out)
{
	struct jia_pool *p = find(pool);
	unsigned long words[POOL_WORDS];
	struct jia_call call;

	if (!p || !part_fits(out, sizeof *out))
		return -EINVAL;
	jia_enter(&call);
	jiaGoPoolStats(pool, words);
	jia_leave(&call);
	part_fill(out, words, sizeof words);
	return 0;
}
