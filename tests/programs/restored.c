/*
 * restored - writes memory of every kind of allocation and takes a checkpoint; in a run that begins from it, checks all
 * that a restore promises, and that the program can go on.
 *
 *   restored HOSTS [what]
 *
 * HOSTS is how many the checkpoint is of. what: "again" takes another checkpoint before it goes on after the check; "other", "more" and
 * "size" make a call that the checkpoint does not have. Host 0 prints "restored: ok" after a restore, and the generations.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

#define PAGE ((size_t)4096)
#define BIG (3 << 20)
#define KINDS 15

static int hosts; /* of the checkpoint */
static struct {
	uint64_t *at;
	size_t pages;
} kind[KINDS];
static int kinds;

static uint64_t pattern(int k, size_t word, uint64_t round)
{
	return (uint64_t)(k + 1) * 1000003 + word * 7 + round * 1234567891;
}

static void keep(void *at, size_t pages)
{
	kind[kinds].at = at;
	kind[kinds++].pages = pages;
}

static void *with(int placement, size_t pages, jia_alloc_attr_t more)
{
	jia_alloc_attr_t a = more;

	a.size = sizeof a;
	a.placement = placement;
	void *at = jia_alloc_attr(pages * PAGE, &a);
	if (!at)
		jia_error("restored: jia_alloc_attr failed");
	return at;
}

static void *gone[2]; /* memory that is freed before the last checkpoint */

static void allocate(const char *what)
{
	int last = jiahosts - 1, fresh = !jia_restored();
	int blocks[] = { PAGE, 2 * PAGE }, shares[] = { 2 * PAGE, 0, PAGE };
	size_t list[] = { PAGE, 3 * PAGE };
	int homes[] = { last, 0 };
	jia_alloc_attr_t none = { 0 }, hosted = { .host = 1 % jiahosts }, wide = { .block = 2 * PAGE, .alignment = 1 << 16, .name = "wide" };
	jia_alloc_attr_t listed = { .list = list, .n = 2, .hosts = homes };

	keep((void *)jia_alloc(10 * PAGE), 10);
	if (fresh)
		gone[0] = (void *)jia_alloc(70 * PAGE);
	keep((void *)(!strcmp(what, "other") ? jia_alloc(3 * PAGE) : jia_alloc1(3 * PAGE)), 3);
	keep((void *)jia_alloc2(9 * PAGE, 2 * PAGE), 9);
	keep((void *)jia_alloc2p(!strcmp(what, "size") ? 4 * PAGE : 3 * PAGE, last), 3);
	keep((void *)jia_alloc3(8 * PAGE, 2 * PAGE, last), 8);
	keep((void *)jia_alloc4(12 * PAGE, blocks, 2, last), 12);
	if (!strcmp(what, "more"))
		jia_alloc(PAGE);
	keep((void *)jia_alloc_array(11 * PAGE, shares, jiahosts < 3 ? jiahosts : 3), 11);
	if (fresh)
		gone[1] = (void *)jia_alloc(5 * PAGE);
	keep((void *)jia_alloc_random(4 * PAGE), 4);
	keep((void *)jia_alloc_random(4 * PAGE), 4);
	keep(with(JIA_PLACE_CYCLIC, 9, wide), 9);
	keep(with(JIA_PLACE_BLOCKS, 13, none), 13);
	keep(with(JIA_PLACE_HOST, 5, hosted), 5);
	keep(with(JIA_PLACE_LIST, 9, listed), 9);
	keep(with(JIA_PLACE_FIRST_TOUCH, 40, none), 40);
	keep((void *)jia_alloc(300 * PAGE), 300);
	if (fresh) {
		memset(gone[jiapid % 2], 1, 5 * PAGE);
		jia_free(gone[0]);
	}
	jia_barrier();
}

/* Every host writes every jiahosts-th page; page 4 of each run of 5 stays zero, and so do odd words. Those of
 * allocation from and every step-th behind it. */
static void write_some(uint64_t round, int from, int step)
{
	for (int k = from; k < kinds; k += step)
		for (size_t p = 0; p < kind[k].pages; p++)
			if ((p + k) % jiahosts == (size_t)jiapid && p % 5 != 4)
				for (size_t w = p * PAGE / 8; w < (p + 1) * PAGE / 8; w += 2)
					kind[k].at[w] = pattern(k, w, round);
}

static void write_all(uint64_t round)
{
	write_some(round, 0, 1);
}

static void check_all(uint64_t round)
{
	for (int k = 0; k < kinds; k++)
		for (size_t w = 0; w < kind[k].pages * PAGE / 8; w++) {
			uint64_t want = w % 2 || w * 8 / PAGE % 5 == 4 ? 0 : pattern(k, w, round);
			if (kind[k].at[w] != want)
				jia_error("restored: round %d: word %zu of allocation %d is %#lx and not %#lx", (int)round, w, k,
					  (unsigned long)kind[k].at[w], (unsigned long)want);
		}
}

static void expect_home(int k, size_t page, int home)
{
	int got = jia_home((char *)kind[k].at + page * PAGE);

	if (got != home)
		jia_error("restored: page %zu of allocation %d is at host %d and not %d", page, k, got, home);
}

/* With pages of 4096 bytes the homes follow from the calls. */
static void check_homes(void)
{
	for (size_t p = 0; p < 10; p++)
		expect_home(0, p, p % jiahosts);
	for (size_t p = 0; p < 3; p++) {
		expect_home(1, p, 0);
		expect_home(3, p, (hosts - 1) % jiahosts);
	}
	for (size_t p = 0; p < 8; p++)
		expect_home(4, p, ((hosts - 1) % jiahosts + p / 2) % jiahosts);
	for (size_t p = 0; p < 13; p++)
		expect_home(10, p, p / ((13 + jiahosts - 1) / jiahosts));
}

/* With as many hosts, all of which see the parts, a page of first touch is where it was, as who has read it knows; else it is in blocks. */
static void check_touched(void)
{
	for (size_t p = 0; !getenv("MOVED") && p < 40; p++)
		if (p % 5 != 4)
			expect_home(13, p, hosts == jiahosts ? (p + 13) % jiahosts : p / ((40 + jiahosts - 1) / jiahosts));
}

static void registered(int restored)
{
	static int mine[1000], other, unknown, wide[9];
	static char name[300];
	static unsigned char *big;
	int there = restored && jiapid < hosts;
	int want;

	if ((want = jia_checkpoint_register(mine, sizeof mine, "mine")) != there)
		jia_error("restored: registering gave %d", want);
	for (int i = 0; i < 1000; i++) {
		if (there && mine[i] != jiapid * 1000 + i)
			jia_error("restored: private word %d is %d", i, mine[i]);
		mine[i] = jiapid * 1000 + i;
	}
	if (jia_checkpoint_register(&other, sizeof other, "mine") >= 0 || jia_checkpoint_register(&other, sizeof other, NULL) >= 0 ||
	    jia_checkpoint_register(&other, sizeof other, "") >= 0 || jia_checkpoint_register(kind[0].at, 8, "shared") >= 0)
		jia_error("restored: a bad registration was taken");
	memset(name, 'x', sizeof name - 1);
	if (jia_checkpoint_register(&other, sizeof other, name) >= 0)
		jia_error("restored: a long name was taken");
	name[255] = 0;
	if (jia_checkpoint_register(&other, sizeof other, name) != there || (there && other != 42))
		jia_error("restored: the longest name");
	other = 42;
	snprintf(name, sizeof name, "new in %d", restored);
	if (jia_checkpoint_register(&unknown, sizeof unknown, name) != 0)
		jia_error("restored: an unknown name was found");
	if (there && jia_checkpoint_register(wide, sizeof wide - 1, "wide") != -EINVAL)
		jia_error("restored: another size was taken");
	if (jia_checkpoint_register(wide, sizeof wide, "wide") != there)
		jia_error("restored: the right size was not taken after another");
	if (jiapid == 0) {
		big = malloc(BIG);
		if (jia_checkpoint_register(big, BIG, "big") != there)
			jia_error("restored: 3 MiB were not there");
		for (int i = 0; i < BIG; i++) {
			if (there && big[i] != (unsigned char)(i * 31))
				jia_error("restored: byte %d of 3 MiB is %d", i, big[i]);
			big[i] = (unsigned char)(i * 31);
		}
	}
}

static void go_on(void)
{
	uint64_t *more = (uint64_t *)jia_alloc(3 * PAGE);

	for (size_t w = 0; w < 3 * PAGE / 8; w++)
		if (more[w] != 0)
			jia_error("restored: new memory holds %#lx", (unsigned long)more[w]);
	jia_barrier();
	for (int i = 0; i < 20; i++) {
		jia_lock(i % 3);
		more[i % 3]++;
		jia_unlock(i % 3);
	}
	write_all(2);
	jia_barrier();
	check_all(2);
	uint64_t sum = more[0] + more[1] + more[2];
	if (sum != 20 * (uint64_t)jiahosts)
		jia_error("restored: %d increments under locks", (int)sum);
	jia_barrier();
	jia_free(kind[0].at);
	jia_free(more);
	jia_barrier();
	kind[0].at = (uint64_t *)jia_alloc(10 * PAGE);
	for (size_t w = 0; w < 10 * PAGE / 8; w++)
		if (kind[0].at[w] != 0)
			jia_error("restored: memory that was freed holds %#lx", (unsigned long)kind[0].at[w]);
	jia_barrier();
	write_all(3);
	jia_barrier();
	check_all(3);
	jia_barrier();
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	int generation = 0;

	hosts = argc > 1 ? atoi(argv[1]) : 1;
	jia_init(argc, argv);
	int restored = jia_restored();
	allocate(what);
	registered(restored);
	if (restored) {
		if (!getenv("JIA_PAGE_SIZE"))
			check_homes();
		check_all(1);
		if (!getenv("JIA_PAGE_SIZE"))
			check_touched();
		for (int i = 1; i < 10; i += 2)
			jia_waitcv(i);
		if (!strcmp(what, "again"))
			generation = jia_checkpoint();
		else
			jia_barrier();
		go_on();
	} else {
		if (jiapid == 0)
			for (int i = 1; i < 10; i += 2)
				jia_setcv(i);
		jia_setcv(100 + jiapid);
		jia_resetcv(100 + jiapid);
		/* The second checkpoint has half of the memory, and that the rest of what is freed is gone. */
		write_some(1, 0, 2);
		write_some(5, 1, 2);
		if (jia_checkpoint() != 1)
			jia_error("restored: the first checkpoint failed");
		write_some(1, 1, 2);
		jia_free(gone[1]);
		generation = jia_checkpoint();
		if (generation != 2)
			jia_error("restored: jia_checkpoint returned %d", generation);
		write_all(7); /* which nobody is to see again */
		jia_barrier();
	}
	if (jiapid == 0)
		printf(restored ? "restored: ok, from %d, now %d\n" : "restored: %d, wrote %d\n", restored, generation);
	jia_exit();
	return 0;
}
