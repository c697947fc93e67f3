/*
 * restored_pools - objects of memory pools in a checkpoint. On any number of hosts, first "save", then "resume": the objects are where
 * they were, with their contents; new ones overlap none of them; and all can be freed by whichever host.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

enum { MOST = 4096, MORE = 300, BYTES = 24 << 20 };

/* Shared: the objects that there are. Each entry belongs to the host that made it, until the barrier that follows. */
struct entry {
	unsigned char *at;
	long pool, size;
	int seed;
};

static struct entry *table;
static int pools[3];

static void fill(const struct entry *e)
{
	for (long i = 0; i < e->size; i++)
		e->at[i] = (unsigned char)(e->seed + i);
}

static void look(const struct entry *e)
{
	for (long i = 0; i < e->size; i++)
		if (e->at[i] != (unsigned char)(e->seed + i))
			jia_error("object of %ld bytes of pool %ld: byte %ld is %d", e->size, e->pool, i, e->at[i]);
}

static void make(int slot, int seed)
{
	struct entry *e = &table[slot];

	e->pool = seed % 3;
	e->size = e->pool == 1 ? 200 : seed % 50 == 0 ? 40000 + seed % 7 * 5000 : 1 + seed * 37 % 3000;
	e->seed = seed;
	e->at = jia_pool_alloc(pools[e->pool], (size_t)e->size);
	if (!e->at)
		jia_error("no room for object %d of %ld bytes in pool %ld", slot, e->size, e->pool);
	fill(e);
}

static void make_pools(void)
{
	jia_pool_attr_t own = { .size = sizeof own }, fixed = own, dealt = own;

	fixed.object = 200;
	dealt.placement = JIA_POOL_CYCLIC;
	pools[0] = jia_pool_create(BYTES, &own);
	pools[1] = jia_pool_create(BYTES / 4, &fixed);
	pools[2] = jia_pool_create(BYTES, &dealt);
	if (pools[0] < 0 || pools[1] < 0 || pools[2] < 0)
		jia_error("no pools: %d %d %d", pools[0], pools[1], pools[2]);
}

static void save(void)
{
	for (int i = jiapid; i < MOST - 8 * MORE; i += jiahosts)
		make(i, i);
	jia_barrier();
	for (int i = 0; i < MOST - 8 * MORE; i++) /* by another host than the one that made it, mostly */
		if (i % 3 == 1 && i / 3 % jiahosts == jiapid) {
			jia_pool_free(pools[table[i].pool], table[i].at);
			table[i].at = NULL;
		}
	if (jia_checkpoint() < 1)
		jia_error("no checkpoint");
}

static void resume(void)
{
	long objects = 0, live = 0;

	for (int i = 0; i < MOST; i++)
		if (table[i].at) {
			look(&table[i]);
			live++;
		}
	jia_barrier();
	for (int i = 0; i < MORE; i++) /* beside those that are there */
		make(MOST - 8 * MORE + jiapid * MORE + i, 7 * i + jiapid);
	jia_barrier();
	for (int i = 0; i < MOST; i++)
		if (table[i].at)
			look(&table[i]);
	jia_barrier();
	for (int i = jiapid; i < MOST; i += jiahosts)
		if (table[i].at)
			jia_pool_free(pools[table[i].pool], table[i].at);
	jia_barrier();
	for (int i = 0; i < 3; i++) {
		jia_pool_stats_t st = { .size = sizeof st };
		jia_pool_stats(pools[i], &st);
		objects += (long)st.objects;
	}
	if (objects != 0)
		jia_error("%ld objects are left here", objects);
	for (int i = 0; i < 3; i++)
		jia_pool_reset(pools[i]);
	make(jiapid, 5);
	look(&table[jiapid]);
	if (jiapid == 0)
		printf("restored_pools: ok, %ld objects, %d hosts\n", live, jiahosts);
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	table = (struct entry *)jia_alloc(MOST * sizeof *table);
	make_pools();
	if (argc > 1 && strcmp(argv[1], "resume") == 0)
		resume();
	else
		save();
	jia_exit();
	if (argc > 1 && strcmp(argv[1], "save") == 0 && jiapid == 0)
		printf("restored_pools: saved\n");
	return 0;
}
