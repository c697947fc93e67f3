/*
 * sum - an ordinary project's program: every host adds to shared numbers, and each checks all of them.
 *
 *   JIA_NPROC=4 ./sum
 */
#include <stdio.h>
#include <string.h>

#include <jia.h>

#if JIA_VERSION_MAJOR < 3
#error "too old"
#endif

#define COUNT 5000
#define ROUNDS 20

int main(int argc, char **argv)
{
	int *numbers, *counter, i;

	jia_init(argc, argv);
	numbers = (int *)jia_alloc(COUNT * sizeof *numbers);
	counter = (int *)jia_alloc(sizeof *counter);
	for (i = jiapid; i < COUNT; i += jiahosts)
		numbers[i] = 3 * i;
	for (i = 0; i < ROUNDS; i++) {
		jia_lock(0);
		++*counter;
		jia_unlock(0);
	}
	jia_barrier();
	for (i = 0; i < COUNT; i++)
		if (numbers[i] != 3 * i)
			jia_error("number %d is %d", i, numbers[i]);
	if (*counter != ROUNDS * jiahosts)
		jia_error("the counter is %d", *counter);
	jia_barrier();
	if (jiapid == 0)
		printf("sum: ok on %d hosts, version %s\n", jiahosts, JIA_VERSION);
	jia_exit();
	return 0;
}
