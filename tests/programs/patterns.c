/*
 * patterns - reads of shared memory in the orders that read-ahead looks for, and in others.
 *
 *   JIA_NPROC=2 ./patterns PAGES ROUNDS PATTERN...
 *
 * For each pattern and in each round host 0 writes all pages, which are dealt in blocks round the hosts, and every host reads
 * them, and checks each value, in the order that the pattern names: upwards, backwards, strided, columns, random, border (the
 * same few pages in every round), threads (one upwards and one backwards) or mixed (one upwards, one at random, and writes
 * of the host's own before).
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

enum { WORDS = 512, BORDER = 9 };

static volatile uint64_t *memory;
static size_t pages;
static int round_now;

static uint64_t value(int round, size_t p, int word)
{
	return ((uint64_t)round << 40 | (uint64_t)p << 10 | (uint64_t)word) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The first word of a page is host 0's; in "mixed" the next ones are those of each host. */
static void check(size_t p)
{
	uint64_t found = memory[p * WORDS], expected = value(round_now, p, 0);

	if (found != expected)
		jia_error("host %d, round %d: page %zu: expected %llx, found %llx", jiapid, round_now, p, (unsigned long long)expected,
			(unsigned long long)found);
}

static void strided(size_t stride)
{
	for (size_t first = 0; first < stride; first++)
		for (size_t p = first; p < pages; p += stride)
			check(p);
}

static void *upwards(void *unused)
{
	(void)unused;
	strided(1);
	return NULL;
}

static void *backwards(void *unused)
{
	(void)unused;
	for (size_t p = pages; p-- > 0;)
		check(p);
	return NULL;
}

static void *at_random(void *unused)
{
	uint64_t x = 88172645463325252u + (uint64_t)jiapid;

	(void)unused;
	for (size_t i = 0; i < pages; i++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		check((x >> 33) % pages);
	}
	return NULL;
}

/* Writes to the pages that are being read: to a word of this host's. */
static void write_own(void)
{
	for (size_t p = 0; p < pages; p += 3)
		memory[p * WORDS + 1 + jiapid] = value(round_now, p, 1 + jiapid);
}

static void check_own(void)
{
	for (size_t p = 0; p < pages; p += 3)
		for (int h = 0; h < jiahosts; h++)
			if (memory[p * WORDS + 1 + h] != value(round_now, p, 1 + h))
				jia_error("host %d, round %d: page %zu: the word of host %d is lost", jiapid, round_now, p, h);
}

static void together(void *(*one)(void *), void *(*other)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, other, NULL))
		jia_error("cannot create a thread");
	one(NULL);
	if (pthread_join(thread, NULL))
		jia_error("cannot join a thread");
}

static void mixed(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, at_random, NULL))
		jia_error("cannot create a thread");
	write_own();
	strided(1);
	if (pthread_join(thread, NULL))
		jia_error("cannot join a thread");
	jia_barrier();
	check_own();
}

static void read_all(const char *pattern)
{
	if (!strcmp(pattern, "upwards")) upwards(NULL);
	else if (!strcmp(pattern, "backwards")) backwards(NULL);
	else if (!strcmp(pattern, "strided")) strided(3);
	else if (!strcmp(pattern, "columns")) strided(pages / 20);
	else if (!strcmp(pattern, "random")) at_random(NULL);
	else if (!strcmp(pattern, "border")) for (size_t p = 0; p < BORDER && p < pages; p++) check(pages / 2 + p);
	else if (!strcmp(pattern, "threads")) together(upwards, backwards);
	else if (!strcmp(pattern, "mixed")) mixed();
	else jia_error("unknown pattern '%s'", pattern);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 0;

	jia_init(argc, argv);
	if (argc < 4)
		jia_error("give a number of pages, of rounds, and patterns");
	pages = strtoul(argv[1], NULL, 10);
	if (pages < 2 * BORDER)
		jia_error("give at least %d pages", 2 * BORDER);
	memory = (volatile uint64_t *)jia_alloc3(pages * WORDS * sizeof *memory, 5 * WORDS * sizeof *memory, 0);
	for (size_t p = 0; p < pages; p++) /* or what is fetched would depend on who is the first to see a page of its own */
		if (jia_home((const void *)(memory + p * WORDS)) == jiapid && memory[p * WORDS] != 0)
			jia_error("host %d: page %zu is not zero", jiapid, p);
	for (int i = 3; i < argc; i++)
		for (int r = 0; r < rounds; r++) {
			round_now++;
			jia_barrier();
			if (jiapid == 0)
				for (size_t p = 0; p < pages; p++)
					memory[p * WORDS] = value(round_now, p, 0);
			jia_barrier();
			read_all(argv[i]);
		}
	if (jiapid == 0)
		printf("patterns: %zu pages: ok\n", pages);
	jia_exit();
	return 0;
}
