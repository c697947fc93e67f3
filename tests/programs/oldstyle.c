/*
 * oldstyle - a program as they were written in 1998: implicit int, K&R definitions, ANL macros, void main, no includes
 * to speak of. Compiled with -std=gnu89 and without warnings.
 *
 *   JIA_NPROC=4 ./oldstyle
 */
#include <jia.h>

EXTERN_ENV

struct global {
	LOCKDEC(lock)
	ALOCKDEC(row, 8)
	BARDEC(start)
	PAUSEDEC(flag)
	GSDEC(subscripts)
	int sum, rows[8], taken[40];
};
struct global *g;

add(amount)
int amount;
{
	LOCK(g->lock)
	g->sum += amount;
	UNLOCK(g->lock);
}

work()
{
	int i;

	for (i = 0; i < 8; i++) {
		ALOCK(g->row, i)
		g->rows[i] += jiapid + 1;
		AULOCK(g->row, i)
	}
	add(jiapid);
	BARRIER(g->start, jiahosts)
	for (;;) {
		GETSUB(g->subscripts, i, 39, jiahosts)
		if (i < 0)
			break;
		g->taken[i] = i + 1;
	}
	if (jiapid == 0)
		PAUSE_SET(g->flag, 1)
	PAUSE_POLL(g->flag)
}

void main(argc, argv)
int argc;
char **argv;
{
	int i;
	double begin, end;

	MAIN_INITENV(, 4000000)
	jia_init(argc, argv);
	CLOCK(begin)
	g = (struct global *) G_MALLOC(sizeof(struct global))
	if (jiapid == 0) {
		LOCKINIT(g->lock);
		ALOCKINIT(g->row, 8);
		BARINIT(g->start);
		PAUSEINIT(g->flag);
		GSINIT(g->subscripts);
	}
	jia_barrier();
	work();
	jia_wtnt(g, sizeof(struct global));
	BARRIER(g->start, jiahosts);
	CLOCK(end)
	for (i = 0; i < 8; i++)
		if (g->rows[i] != jiahosts * (jiahosts + 1) / 2)
			jia_errexit("row %d is %d", i, g->rows[i]);
	for (i = 0; i < 40; i++)
		if (g->taken[i] != i + 1)
			jia_errexit("subscript %d is %d", i, g->taken[i]);
	if (g->sum != jiahosts * (jiahosts - 1) / 2 || jia_pid != jiapid || hostc != jiahosts || end < begin)
		jia_errexit("the sum is %d", g->sum);
	WAIT_FOR_END(jiahosts - 1)
	if (jiapid == 0)
		printf("oldstyle: ok\n");
	jia_exit();
	MAIN_END
	exit(0);
}
