/*
 * ckpt.c - what a checkpoint costs. Every host fills its part of the shared memory, and all is stored once. Then, ROUNDS times, each writes to
 * one word of PERCENT of its pages, picked at random, or of all, and a checkpoint is taken.
 *
 *   JIA_CKPT_DIR=dir JIA_CKPT_FULL=1000 ckpt MEBIBYTES PERCENT ROUNDS
 *
 * Host 0 prints a line for each checkpoint: for how long the program stood still, in ms, for how many seconds it was then being stored, each of
 * the host that was slowest, and the bytes of all files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"
#include "timing.h"

#define PAGE 4096UL
enum { WORDS = 4096 / 8 };

static unsigned long random_word(void)
{
	static unsigned long x = 88172645463325252UL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static jia_stats_t numbers(void)
{
	jia_stats_t s = { .size = sizeof s };

	if (jia_stats(&s))
		jia_error("jia_stats failed");
	return s;
}

/* One checkpoint, measured. */
static void store(void)
{
	jia_stats_t before = numbers(), after;
	double mine[3], most[2], sum, t;

	jia_barrier();
	if (jia_checkpoint_start() <= 0)
		jia_error("no checkpoint");
	t = now_us();
	if (jia_checkpoint_wait() <= 0)
		jia_error("the checkpoint failed");
	mine[1] = 1e-6 * (now_us() - t);
	after = numbers();
	mine[0] = 1e3 * (after.seconds_checkpoints - before.seconds_checkpoints);
	mine[2] = (double)(after.checkpoint_bytes - before.checkpoint_bytes);
	jia_reduce(mine, most, 2, MAX_DOUBLE, 0);
	jia_reduce(mine + 2, &sum, 1, SUM_DOUBLE, 0);
	if (jiapid == 0) {
		printf("%.3f %.4f %.0f\n", most[0], most[1], sum);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	volatile unsigned long *a;
	unsigned long p, w, own, percent, rounds;

	if (argc != 4)
		return 2;
	jia_init(argc, argv);
	own = (strtoul(argv[1], NULL, 10) << 20) / PAGE / (unsigned long)jiahosts;
	percent = strtoul(argv[2], NULL, 10);
	rounds = strtoul(argv[3], NULL, 10);
	a = (volatile unsigned long *)jia_alloc3(own * PAGE * (unsigned long)jiahosts, own * PAGE, 0);
	a += own * WORDS * (unsigned long)jiapid;
	for (p = 0; p < own; p++)
		for (w = 0; w < WORDS; w++)
			a[p * WORDS + w] = random_word();
	store();
	for (; rounds > 0; rounds--) {
		for (p = 0; p < (percent < 100 ? own * percent / 100 : own); p++)
			a[(percent < 100 ? random_word() % own : p) * WORDS] = random_word();
		store();
	}
	jia_exit();
	return 0;
}
