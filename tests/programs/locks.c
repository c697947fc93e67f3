/*
 * locks - as many locks as a program has objects.
 *
 *   JIA_NPROC=2 ./locks COUNT
 *
 * Every host locks each of COUNT locks once, beginning at a different one, and increments what it guards.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1000, i;
	unsigned char *object;

	jia_init(argc, argv);
	object = (unsigned char *)jia_alloc((size_t)count);
	jia_barrier();
	for (i = 0; i < count; i++) {
		int k = (int)(((long)count * jiapid / jiahosts + i) % count);
		jia_lock(k);
		object[k]++;
		jia_unlock(k);
	}
	jia_lock(2147483647); /* the largest id */
	jia_unlock(2147483647);
	jia_barrier();
	for (i = 0; i < count; i++)
		if (object[i] != jiahosts)
			jia_error("object %d counts %d", i, object[i]);
	jia_barrier();
	if (jiapid == 0)
		printf("locks: %d: ok\n", count);
	jia_exit();
	return 0;
}
