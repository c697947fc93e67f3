/*
 * Every name that programs for JIAJIA 2.1, M-JIAJIA and JUMP use, at least once: as C of 1989 with K&R definitions, and
 * as C++17. A name that jia.h loses, or that changes its arguments, does not compile here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jia.h>

EXTERN_ENV
MAIN_ENV

#define LOCKS 8
#define CVS 100 /* flags beyond those that the INIT macros number */

struct shared {
	LOCKDEC(lock)
	LOCKDEC(queue)
	ALOCKDEC(locks, LOCKS)
	BARDEC(barrier)
	PAUSEDEC(pause)
	GSDEC(loop)
	int taken;
	double sum;
};

static struct shared *s;

/* A failed check names its line. */
#define CHECK(x) do { if (!(x)) jia_error("line %d: %s is not so", __LINE__, #x); } while (0)

#ifdef __cplusplus
static void allocations(int size)
#else
static void allocations(size)
int size;
#endif
{
	static int blocks[] = { 4096, 8192 };
	unsigned long at[8];
	int i;

	at[0] = jia_alloc(size);
	at[1] = jia_alloc1(size);
	at[2] = jia_alloc2(size, size / 2);
	at[3] = jia_alloc2p(size, jiahosts - 1);
	at[4] = jia_alloc3(size, size / jiahosts, 0);
	at[5] = jia_alloc4(size, blocks, 2, 0);
	at[6] = jia_alloc_array(size, blocks, 1);
	at[7] = jia_alloc_random(size);
	CHECK(jia_cache_resize(65536) == 0);
	CHECK(jia_restored() == 0 && jia_checkpoint() < 0 && jia_checkpoint_start() < 0 && jia_checkpoint_wait() == 0);
	CHECK(jia_checkpoint_register(&i, sizeof i, "i") == 0 && jia_checkpoint_register(&i, sizeof i, NULL) < 0);
	jia_on_failure(NULL);
	jia_wait();
	for (i = 0; i < 8; i++)
		CHECK(*(int *)at[i] == 0);
	CHECK(jia_home((void *)at[3]) == jiahosts - 1);
	jia_free((void *)at[0]);
	jia_free(NULL);
}

#ifdef __cplusplus
static void attributes(void)
#else
static void attributes()
#endif
{
	static size_t list[] = { 4096, 8192 };
	static int hosts[] = { 0, 0 };
	jia_alloc_attr_t attr;
	char *at;

	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.placement = JIA_PLACE_LIST;
	attr.host = 0;
	attr.block = 4096;
	attr.alignment = 65536;
	attr.list = list;
	attr.hosts = hosts;
	attr.n = 2;
	attr.name = "attributes";
	at = (char *)jia_alloc_attr(65536, &attr);
	CHECK(at != NULL && (unsigned long)at % 65536 == 0 && jia_home(at + 5000) == 0);
	for (attr.placement = JIA_PLACE_CYCLIC; attr.placement <= JIA_PLACE_FIRST_TOUCH; attr.placement++)
		CHECK(jia_alloc_attr(65536, &attr) != NULL);
	CHECK(JIA_PLACE_BLOCKS < JIA_PLACE_HOST && jia_alloc_attr(1, NULL) != NULL);
}

#ifdef __cplusplus
static void messages(char *word)
#else
static void messages(word)
char *word;
#endif
{
	static int op[] = { SUM_INT, MAX_INT, MIN_INT, SUM_FLOAT, MAX_FLOAT, MIN_FLOAT, SUM_DOUBLE, MAX_DOUBLE, MIN_DOUBLE };
	char text[16];
	double in[2], out[2];
	int i, got;

	jia_send(word, (int)strlen(word), jiapid, 3);
	got = jia_recv(text, (int)sizeof text, MSG_PROC_ALL, MSG_TAG_ALL);
	CHECK(got == (int)strlen(word));
	memset(in, 0, sizeof in);
	for (i = 0; i < 9; i++) {
		jia_reduce((char *)in, (char *)out, 2, op[i], 0);
		if (jiapid == 0)
			CHECK(out[0] == 0);
	}
	strcpy(text, jiapid == 0 ? word : "");
	jia_bcast(text, (int)sizeof text, 0);
	CHECK(strcmp(text, word) == 0);
}

#ifdef __cplusplus
static void tuning(void)
#else
static void tuning()
#endif
{
	static int all[] = { HMIG, ADWD, BROADCAST, WVEC, RDMA, LOADBAL };
	int i, begin = 1, end = 100;
	unsigned int started, stopped;

	for (i = 0; i < 6; i++)
		jia_config(all[i], ON);
	started = jia_startstat();
	jia_divtask(&begin, &end);
	jia_loadcheck();
	stopped = jia_stopstat();
	CHECK(1 <= begin && begin <= end + 1 && end <= 100 && started <= stopped);
	jia_config(LOADBAL, OFF);
	jia_wtnt(&begin, 4)
	jia_wtntw(&begin)
	jia_wtntd(&begin)
}

#ifdef __cplusplus
static void macros(void)
#else
static void macros()
#endif
{
	int i;
	char *other;

	MAIN_INITENV(, 80000000)
	s = (struct shared *)G_MALLOC(sizeof(struct shared))
	other = (char *)G2_MALLOC(4096, 1)
	if (jiapid == 0) {
		LOCKINIT(s->lock);
		LOCKINIT(s->queue);
		ALOCKINIT(s->locks, LOCKS);
		BARINIT(s->barrier, jiahosts);
		PAUSEINIT(s->pause);
		GSINIT(s->loop);
		CHECK(jia_lock_index == LOCKS + 4);
	}
	BARRIER(s->barrier, jiahosts);
	LOCK(s->lock);
	s->sum += other[0] + 1;
	UNLOCK(s->lock);
	ALOCK(s->locks, LOCKS - 1);
	AULOCK(s->locks, LOCKS - 1);
	jia_lock(Maxlocks - 1);
	jia_unlock(Maxlocks - 1);
	for (;;) {
		GETSUB(s->loop, i, 9, jiahosts);
		if (i < 0)
			break;
		QLOCK(s->queue);
		s->taken++;
		QUNLOCK(s->queue);
	}
	if (jiapid == 0)
		PAUSE_SET(s->pause, 1);
	PAUSE_POLL(s->pause);
	PAUSE_ACCEPT(s->pause);
	WAIT_FOR_END(jiahosts - 1);
	PAUSE_RESET(s->pause);
	if (jiapid == 0)
		jia_setcv(CVS);
	jia_waitcv(CVS);
	jia_resetcv(CVS + 1);
	CHECK(s->taken == 10 && s->sum == jiahosts);
}

#ifdef __cplusplus
int main(int argc, char **argv)
#else
main(argc, argv)
int argc;
char **argv;
#endif
{
	static char word[] = "a word";
	double t;

	jia_init(argc, argv);
	if (argc > 1)
		jia_errexit("%s takes no arguments", argv[0]);
	CHECK(jia_pid == jiapid && hostc == jiahosts);
	macros();
	allocations(65536);
	attributes();
	messages(word);
	tuning();
	jia_barrier();
	CLOCK(t)
	CHECK(t > 0 && t <= jia_clock());
	MAIN_END
	if (jiapid % 2) /* the same call by its two names */
		jia_end();
	else
		jia_exit();
	exit(0);
}
