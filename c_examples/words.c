/*
 * words - how often each word occurs in a text, counted in a hash table that all hosts fill.
 *
 *   JIA_NPROC=4 ./words [n]
 *
 * Entries come from a memory pool: whoever meets a word first allocates its entry, at home, without
 * asking anybody, and links it into a chain for all. In the end words that occur once are removed;
 * then hosts free entries that others have allocated. A chain is read and written in the scope of its
 * lock, the allocation included, so that the next holder of the lock sees whole entries.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define LOCKS 64
#define BUCKETS (LOCKS * 128)
#define LONGEST 24 /* letters of a word */

struct entry {
	struct entry *next;
	long count;
	char word[]; /* as long as it is: entries are of different sizes */
};

static struct entry **bucket; /* shared; bucket b is guarded by lock b % LOCKS until the removal */
static int entries;           /* the pool */
static long n;                /* words of the text, alike on all hosts */

/* The text: word i is the same for whoever asks. Low numbers occur most, many high ones once. */
static uint32_t draw(long i)
{
	uint64_t x = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t r;

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 32;
	r = (uint32_t)x % (uint32_t)n;
	return (uint32_t)((uint64_t)r * r / (uint64_t)n);
}

static void spell(char *word, uint32_t number)
{
	uint32_t length = 3 + number % (LONGEST - 3);

	for (uint32_t i = 0; i < length; i++) {
		word[i] = (char)('a' + number % 26);
		number = number / 26 + (number % 26) * 1021 + i;
	}
	word[length] = 0;
}

static uint32_t hash(const char *word)
{
	uint32_t h = 2166136261u;

	while (*word)
		h = (h ^ (unsigned char)*word++) * 16777619u;
	return h % BUCKETS;
}

/* Inside the scope of the bucket's lock. */
static void count(struct entry **chain, const char *word)
{
	struct entry *e;

	for (e = *chain; e; e = e->next)
		if (!strcmp(e->word, word)) {
			e->count++;
			return;
		}
	e = jia_pool_alloc(entries, sizeof *e + strlen(word) + 1);
	if (!e)
		jia_error("words: the pool is used up");
	e->next = *chain;
	e->count = 1;
	strcpy(e->word, word);
	*chain = e;
}

/* This host's part of the text, one lock after the other, so that each is taken once. */
static void read_text(void)
{
	long first = n * jiapid / jiahosts, last = n * (jiapid + 1) / jiahosts;
	uint32_t *where = malloc((size_t)(last - first + 1) * sizeof *where);
	char word[LONGEST + 1];

	if (!where)
		jia_error("words: no memory for the text");
	for (long i = first; i < last; i++) {
		spell(word, draw(i));
		where[i - first] = hash(word);
	}
	for (int k = 0; k < LOCKS; k++) {
		uint32_t lock = (uint32_t)(k + jiapid * LOCKS / jiahosts) % LOCKS; /* hosts begin at different ones */

		jia_lock((int)lock);
		for (long i = first; i < last; i++)
			if (where[i - first] % LOCKS == lock) {
				spell(word, draw(i));
				count(&bucket[where[i - first]], word);
			}
		jia_unlock((int)lock);
	}
	free(where);
}

/* Between two barriers each host has some of the chains for itself. */
static void remove_rare(void)
{
	for (int b = jiapid; b < BUCKETS; b += jiahosts)
		for (struct entry **link = &bucket[b], *e; (e = *link);)
			if (e->count == 1) {
				*link = e->next;
				jia_pool_free(entries, e);
			} else
				link = &e->next;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Host 0 counts again, by sorting, and compares. Returns how many words occur more than once. */
static long check(long *different)
{
	char (*text)[LONGEST + 1] = malloc((size_t)n * sizeof *text);
	long more = 0, found = 0;

	if (!text)
		jia_error("words: no memory for the check");
	for (long i = 0; i < n; i++)
		spell(text[i], draw(i));
	qsort(text, (size_t)n, sizeof *text, by_text);
	*different = 0;
	for (long i = 0, k; i < n; i = k) {
		struct entry *e = bucket[hash(text[i])];

		for (k = i + 1; k < n && !strcmp(text[k], text[i]); k++)
			;
		++*different;
		more += k - i > 1;
		while (e && strcmp(e->word, text[i]))
			e = e->next;
		if (k - i > 1 ? !e || e->count != k - i : e != NULL)
			jia_error("words: %s occurs %ld times, and was counted %ld times", text[i], k - i, e ? e->count : 0);
	}
	for (int b = 0; b < BUCKETS; b++)
		for (struct entry *e = bucket[b]; e; e = e->next)
			found++;
	if (found != more)
		jia_error("words: %ld entries for %ld words", found, more);
	free(text);
	return more;
}

int main(int argc, char **argv)
{
	jia_pool_attr_t attr = { .size = sizeof attr, .name = "entries" };
	jia_pool_stats_t stats = { .size = sizeof stats };
	long different = 0, more = 0;
	double objects, all = 0;

	n = argc > 1 ? atol(argv[1]) : 400000;
	if (n < 10 || n > 10000000)
		jia_error("words: the number of words must be from 10 to 10000000");
	jia_init(argc, argv);

	bucket = (struct entry **)jia_alloc(BUCKETS * sizeof *bucket);
	entries = jia_pool_create((size_t)n * 64 + ((size_t)jiahosts << 20), &attr);
	if (entries < 0)
		jia_error("words: no pool of %ld entries", n);

	jia_barrier();
	double start = jia_clock();

	read_text();
	jia_barrier();
	remove_rare();

	jia_barrier(); /* from here on freed entries are back where they came from */
	double elapsed = jia_clock() - start;

	jia_pool_stats(entries, &stats);
	objects = (double)stats.objects;
	jia_reduce(&objects, &all, 1, SUM_DOUBLE, 0);
	if (jiapid == 0) {
		more = check(&different);
		if (all != (double)more)
			jia_error("words: the pool has %.0f entries, the table %ld", all, more);
		printf("words: %ld words, %ld different, %ld more than once, %d host(s): ok, %.3f s\n", n, different, more, jiahosts, elapsed);
	}
	jia_barrier();
	jia_pool_destroy(entries);
	jia_exit();
	return 0;
}
