/*
 * collectives - jia_bcast and jia_reduce: every root, every operation, sizes on both sides of a piece, private and shared
 * buffers, in place, beside messages of jia_send; and sums that are the same to the last bit every time.
 *
 *   JIA_NPROC=4 ./collectives
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

static const size_t size[] = { 0, 1, 100, 4096, 4100, 65536, 65544, 300000 };
enum { SIZES = sizeof size / sizeof *size, MOST = 300000 };

static void broadcasts(char *buf)
{
	int root;
	size_t i, k;

	for (root = 0; root < jiahosts; root++)
		for (k = 0; k < SIZES; k++) {
			for (i = 0; i < size[k]; i++)
				buf[i] = jiapid == root ? (char)(i * 7 + k + (size_t)root) : 'x';
			jia_bcast(buf, size[k], root);
			for (i = 0; i < size[k]; i++)
				if (buf[i] != (char)(i * 7 + k + (size_t)root))
					jia_error("bcast of %zu bytes of host %d: byte %zu is wrong", size[k], root, i);
		}
}

/* What host h contributes at subscript i; small enough for all types to be exact. */
static int value(int h, int i)
{
	return (h * 37 + i * 11) % 101 - 50;
}

static double expected(int op, int i)
{
	double r = value(0, i);
	int h;

	for (h = 1; h < jiahosts; h++) {
		double v = value(h, i);

		if (op % 10 == SUM_INT)
			r += v;
		else if (op % 10 == MAX_INT ? v > r : v < r)
			r = v;
	}
	return r;
}

#define REDUCE(type, op) \
	{ \
		type *a = (type *)snd, *b = (type *)rcv; \
		for (i = 0; i < n; i++) { \
			a[i] = (type)value(jiapid, i); \
			b[i] = (type)-999; \
		} \
		if (root % 2) /* in place */ \
			jia_reduce(a, a, (size_t)n, op, root); \
		else \
			jia_reduce(a, jiapid == root ? b : NULL, (size_t)n, op, root); \
		for (i = 0; i < n; i++) { \
			type *at = root % 2 ? a : b; \
			double want = jiapid == root ? expected(op, i) : root % 2 ? value(jiapid, i) : -999; \
			if ((double)at[i] != want) \
				jia_error("%s with root %d, %d operands: [%d] is %g, not %g", #op, root, n, i, (double)at[i], want); \
		} \
	}

static void reductions(char *snd, char *rcv)
{
	static const int count[] = { 0, 1, 7, 1025, 20000 };
	int root, n, i;
	size_t k;

	for (root = 0; root < jiahosts; root++)
		for (k = 0; k < sizeof count / sizeof *count; k++) {
			n = count[k];
			REDUCE(int, SUM_INT)
			REDUCE(int, MAX_INT)
			REDUCE(int, MIN_INT)
			REDUCE(float, SUM_FLOAT)
			REDUCE(float, MAX_FLOAT)
			REDUCE(float, MIN_FLOAT)
			REDUCE(double, SUM_DOUBLE)
			REDUCE(double, MAX_DOUBLE)
			REDUCE(double, MIN_DOUBLE)
		}
}

/* Sums whose last bits depend on the order: the same on every root, in every round. */
static void last_bits(void)
{
	double mine = 1.0, sum = 0, first = 0;
	int round, i;

	for (i = 0; i < 40 * (jiapid + 1) % 97; i++)
		mine *= 0.7309;
	for (round = 0; round < 30; round++) {
		int root = round % jiahosts;

		jia_reduce(&mine, &sum, 1, SUM_DOUBLE, root);
		jia_bcast(&sum, sizeof sum, root);
		if (round == 0)
			first = sum;
		if (memcmp(&first, &sum, sizeof sum))
			jia_error("the sum was %a with root 0 and is %a with root %d", first, sum, root);
	}
}

/* Another thread exchanges messages with all hosts while the collective calls go on. */
static void *chat(void *unused)
{
	int i, h, word;

	(void)unused;
	for (i = 0; i < 200; i++) {
		for (h = 0; h < jiahosts; h++)
			jia_send(&i, sizeof i, h, i);
		for (h = 0; h < jiahosts; h++)
			if (jia_recv(&word, sizeof word, MSG_PROC_ALL, i) != sizeof word || word != i)
				jia_error("message %d came as %d", i, word);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t other;
	char *a, *b;
	int elsewhere;

	jia_init(argc, argv);
	a = malloc(MOST);
	b = malloc(MOST);
	if (pthread_create(&other, NULL, chat, NULL))
		jia_error("no thread");
	broadcasts(a);
	reductions(a, b);
	last_bits();
	pthread_join(other, NULL);
	free(a);
	free(b);

	/* Each host has buffers of its own, homed at its neighbour. */
	for (elsewhere = 0; elsewhere < jiahosts; elsewhere++) {
		char *x = (char *)jia_alloc2p(MOST, (elsewhere + 1) % jiahosts), *y = (char *)jia_alloc2p(MOST, (elsewhere + 1) % jiahosts);

		if (elsewhere == jiapid)
			a = x, b = y;
	}
	jia_barrier();
	broadcasts(a);
	jia_barrier();
	reductions(a, b);
	jia_barrier();
	if (jiapid == 0)
		printf("collectives: ok\n");
	jia_exit();
	return 0;
}
