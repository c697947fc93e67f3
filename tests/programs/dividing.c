/*
 * dividing - jia_divtask, jia_loadcheck and jia_config.
 *
 *   JIA_NPROC=4 ./dividing            parts cover every range
 *   JIA_NPROC=3 ./dividing balance    the last host is four times slower than the others; it ends up with less work
 *   JIA_NPROC=2 ./dividing unknown    a switch that does not exist
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jia.h"

/* collect has host 0 check that the parts of all hosts, in order, are the range; slack is how much they may differ. */
static void collect(int begin, int end, int slack)
{
	int part[2] = { begin, end }, h;
	long long next = begin, least = LLONG_MAX, most = 0;

	jia_divtask(&part[0], &part[1]);
	if (part[1] < part[0] && part[1] != part[0] - 1)
		jia_error("[%d, %d]: the empty part is [%d, %d]", begin, end, part[0], part[1]);
	jia_send(part, sizeof part, 0, 1);
	if (jiapid != 0)
		return;
	for (h = 0; h < jiahosts; h++) {
		long long n;

		jia_recv(part, sizeof part, h, 1);
		n = (long long)part[1] - part[0] + 1;
		if (n > 0 && part[0] != next)
			jia_error("[%d, %d]: host %d begins at %d, not %lld", begin, end, h, part[0], next);
		next += n;
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	if (next != (end < begin ? begin : end + 1LL))
		jia_error("[%d, %d]: the parts end before %lld", begin, end, next);
	if (slack >= 0 && most - least > slack)
		jia_error("[%d, %d]: the parts have %lld to %lld subscripts", begin, end, least, most);
}

static void ranges(void)
{
	static const int range[][2] = { { 0, 99 }, { 1, 100 }, { -5, 5 }, { 0, 0 }, { 3, 4 }, { 0, -1 }, { 7, -9 }, { INT_MIN, INT_MAX },
		{ INT_MAX, INT_MAX }, { INT_MIN, INT_MIN }, { INT_MAX - 2, INT_MAX }, { INT_MIN, INT_MIN + 1 }, { 0, INT_MAX } };
	size_t i;

	for (i = 0; i < sizeof range / sizeof *range; i++)
		collect(range[i][0], range[i][1], 1);
}

static void compute(int units, int microseconds)
{
	long long us = (long long)units * microseconds;
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL); /* counts as computing: the library is not waiting */
}

/* balance returns the part of the last host after some rounds. */
static int balance(int rounds)
{
	int n = 60 * jiahosts, first = 0, last = 0, round, part = 0;

	for (round = 0; round < rounds; round++) {
		first = 0;
		last = n - 1;
		jia_divtask(&first, &last);
		compute(last - first + 1, jiapid == jiahosts - 1 ? 2000 : 500);
		jia_barrier(); /* the fast hosts wait here, which must not count */
		jia_loadcheck();
		collect(0, n - 1, -1);
		collect(INT_MIN, INT_MAX, -1);
		first = 0;
		last = n - 1;
		jia_divtask(&first, &last);
		part = last - first + 1;
	}
	jia_bcast(&part, sizeof part, jiahosts - 1);
	return part;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	jia_init(argc, argv);
	if (!strcmp(what, "unknown")) {
		jia_config(17, ON);
	} else if (!strcmp(what, "balance")) {
		int part;

		if ((part = balance(3)) != 60)
			jia_error("LOADBAL is off, and the last host has %d of 60", part);
		jia_config(LOADBAL, ON);
		if ((part = balance(8)) > 40 && jiahosts > 1)
			jia_error("the slow host still has %d of 60", part);
		if (jiapid == 0)
			printf("the slow host has %d, not 60\n", part);
		jia_config(LOADBAL, OFF);
		collect(0, 99, 1);
	} else {
		jia_config(HMIG, ON);
		jia_config(ADWD, ON);
		jia_config(BROADCAST, OFF);
		jia_config(WVEC, ON);
		ranges();
		jia_loadcheck();
		jia_config(LOADBAL, ON);
		jia_loadcheck(); /* nothing has been divided yet */
		jia_barrier();
		ranges();
	}
	jia_barrier();
	if (jiapid == 0)
		printf("dividing: ok\n");
	jia_exit();
	return 0;
}
