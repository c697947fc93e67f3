/* pool.h - what the two sides of memory pools, pool.c and pool.go, agree on. */
#ifndef JIA_POOL_H
#define JIA_POOL_H

#include <stdint.h>

enum {
	POOL_MOST = 256,     /* pools at once, as node.MaxPools */
	POOL_CLASSES = 40,   /* as pool.MaxClasses */
	POOL_GRANULE = 16,   /* as pool.Granule */
	POOL_SMALL = 32768,  /* as pool.MaxSmall */
	POOL_LARGE = 0xffff, /* as pool.LargeObject */
	POOL_KEEP = 64,      /* objects that a magazine holds at most */
	POOL_WORDS = 9       /* of jia_pool_stats_t behind its size */
};

#define POOL_NOTHING (~0UL) /* an offset that no object has */

/* What is wanted of a pool: checked, and with defaults filled in. */
struct jia_pool_wanted {
	char *name;
	unsigned long bytes, align, object;
	int placement, host, mix;
};

/* A pool as pool.c sees it. All but serial is constant, and so is where the tables are. */
struct jia_pool {
	char *base; /* in the application's view */
	unsigned long bytes, serial;
	unsigned int shift; /* log2 of the page size */
	uint32_t *pages, *live; /* pool.Tables */
	int classes;
	uint32_t sizes[POOL_CLASSES];
	uint8_t class_of[POOL_SMALL / POOL_GRANULE + 1]; /* by size in granules, rounded up */
	unsigned long small; /* the largest size that has a class, 0 for none */

	unsigned long align, object; /* what the program wants; object 0: any */
	int zero, check; /* check: JIA_POOL_CHECK */
	char name[64];
	uint16_t keep[POOL_CLASSES]; /* objects in a full magazine */
};

extern struct jia_pool *jia_pools[POOL_MOST]; /* by id, NULL where there is none */

#endif
