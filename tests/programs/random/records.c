/*
 * records.c - what one lock guards.
 *
 * Record r is a total, one count for each worker, PATTERN bytes that follow from the total, and a word whose eight
 * bytes are equal. Fields of different records are interleaved byte by byte, so a word is written by holders of
 * eight locks at the same time. The holder checks all of it. Anybody may read the words without the lock: an old
 * value is fine, a torn one is not.
 */
#include "random.h"

#include <stdlib.h>

#include "jia.h"

#define MOST 24
#define PATTERN 40

static int records;                           /* how many, up to MOST; neighbours share words */
static volatile uint64_t *total;              /* shared: [record] */
static volatile uint16_t (*count)[MOST];      /* shared: [worker][record] */
static volatile uint8_t (*pattern)[MOST];     /* shared: [PATTERN][record] */
static volatile uint64_t *word;               /* shared: [record] */
static volatile uint64_t (*published)[MOST];  /* shared: [worker][record], written before the last barrier */

/* A worker's own record of what it did and saw; by thread of this host. */
struct memory {
	uint64_t done[MOST], seen[MOST];
};
static struct memory *memory;

void records_layout(void)
{
	if (!plan.records)
		return;
	records = 1 + (int)(mix(30, 0, 0) % MOST);
	total = place(sizeof *total * MOST, 30);
	count = place(sizeof *count * MAX_WORKERS, 31);
	pattern = place(sizeof *pattern * PATTERN, 32);
	word = place(sizeof *word * MOST, 33);
	published = place(sizeof *published * MAX_WORKERS, 34);
	memory = calloc((size_t)threads(), sizeof *memory);
}

static uint8_t pattern_byte(int r, uint64_t t, int j)
{
	return t == 0 ? 0 : (uint8_t)mix(31, (uint64_t)r << 32 | t, (uint64_t)j);
}

/* Consecutive ones differ in every byte. */
static uint64_t equal_bytes(uint64_t t)
{
	return t == 0 ? 0 : (t % 255 + 1) * UINT64_C(0x0101010101010101);
}

static uint64_t check_record(struct worker *w, int r)
{
	uint64_t t = total[r], sum = 0;

	if (t < memory[w->thread].seen[r])
		wrong("a total that goes back", &total[r], memory[w->thread].seen[r], t);
	for (int i = 0; i < workers(); i++)
		sum += count[i][r];
	expect("the sum of a record's counts", &total[r], t, sum);
	expect("a worker's own count", &count[w->id][r], memory[w->thread].done[r], count[w->id][r]);
	for (int j = 0; j < PATTERN; j++)
		expect("a byte of a record", &pattern[j][r], pattern_byte(r, t, j), pattern[j][r]);
	expect("the word of a record", &word[r], equal_bytes(t), word[r]);
	return t;
}

static void write_record(int r, uint64_t t)
{
	for (int j = 0; j < PATTERN; j++)
		pattern[j][r] = pattern_byte(r, t, j);
	word[r] = equal_bytes(t);
	total[r] = t;
}

void records_step(struct worker *w)
{
	if (!plan.records)
		return;
	int r = (int)below(w, (unsigned)records);
	struct memory *m = &memory[w->thread];

	jia_lock(RECORD_LOCK(r));
	uint64_t t = check_record(w, r);
	if (below(w, 4) != 0) { /* otherwise a holder that only reads, between two that write */
		if (below(w, 3) == 0) {
			write_record(r, t + 7);
			if (below(w, 2)) { /* the end of the inner scope flushes what the outer one has written so far */
				jia_lock(PRIVATE_LOCK(w->id));
				jia_unlock(PRIVATE_LOCK(w->id));
			}
		}
		t++;
		write_record(r, t);
		count[w->id][r]++;
		m->done[r]++;
	}
	m->seen[r] = t;
	jia_unlock(RECORD_LOCK(r));
}

void records_peek(void)
{
	if (!plan.records)
		return;
	for (int r = 0; r < records; r++) {
		uint64_t x = word[r];
		if (x != (x & 0xff) * UINT64_C(0x0101010101010101))
			wrong("a word read without its lock, torn", &word[r], (x & 0xff) * UINT64_C(0x0101010101010101), x);
	}
}

void records_publish(struct worker *w)
{
	if (!plan.records)
		return;
	for (int r = 0; r < records; r++)
		published[w->id][r] = memory[w->thread].done[r];
}

void records_check(void)
{
	if (!plan.records)
		return;
	for (int r = 0; r < records; r++) {
		uint64_t t = 0;
		for (int i = 0; i < workers(); i++) {
			expect("a count at the end", &count[i][r], published[i][r], count[i][r]);
			t += published[i][r];
		}
		expect("a total at the end", &total[r], t, total[r]);
		for (int j = 0; j < PATTERN; j++)
			expect("a byte of a record at the end", &pattern[j][r], pattern_byte(r, t, j), pattern[j][r]);
		expect("a word at the end", &word[r], equal_bytes(t), word[r]);
	}
}
