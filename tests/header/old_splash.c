/*
 * A program as they were written around 1995: K&R definitions, implicit int, ANL macros with and
 * without semicolons and in `if` without braces. It has to compile unchanged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <jia.h>

#define MAXLOCKS 256

EXTERN_ENV
MAIN_ENV

struct global {
	LOCKDEC(index_lock)
	LOCKDEC(sum_lock);
	ALOCKDEC(molecule_lock, MAXLOCKS)
	BARDEC(start)
	BARDEC(finish);
	PAUSEDEC(ready)
	GSDEC(loop)
	int next;
	double sum;
} *gl;

double *force;
int n = 64;

add(k, amount)
int k;
double amount;
{
	ALOCK(gl->molecule_lock, k % MAXLOCKS);
	force[k] += amount;
	AULOCK(gl->molecule_lock, k % MAXLOCKS)
}

void work(begin, end)
int begin, end;
{
	int i;
	double local = 0.0;

	for (i = begin; i < end; i++) {
		add(i, 1.0);
		local += force[i];
	}
	if (local > 0.0) LOCK(gl->sum_lock);
	gl->sum += local;
	if (local > 0.0)
		UNLOCK(gl->sum_lock)
	else
		jia_wtntw(&gl->sum)
	jia_wtnt(force, n);
	jia_wtntd(gl)
	BARRIER(gl->finish, jiahosts)
}

/* Messages and divided work, with buffers of all types and lengths in int. */
talk(first, last)
int *first, *last;
{
	char text[16];
	float part, whole;
	double values[4];
	int len = sizeof text, count = 4, got, i;

	jia_config(LOADBAL, ON);
	jia_config(HMIG, OFF);
	jia_divtask(first, last);
	part = *last - *first + 1;
	jia_reduce(&part, &whole, 1, SUM_FLOAT, 0);
	jia_reduce((char *)&part, (char *)&whole, 1, SUM_FLOAT, 0);
	sprintf(text, "%d", jiapid);
	jia_send(text, len, 0, jiapid);
	if (jiapid == 0)
		for (i = 0; i < jiahosts; i++) {
			got = jia_recv(text, len, MSG_PROC_ALL, MSG_TAG_ALL);
			if (got != len || atoi(text) >= jiahosts)
				jia_error("%d bytes: %s", got, text);
		}
	for (i = 0; i < count; i++)
		values[i] = jiapid == 0 ? i : -1;
	jia_bcast((char *)values, count * (int)sizeof(double), 0);
	jia_loadcheck();
	if (values[count - 1] != count - 1 || (jiapid == 0 && whole != n))
		jia_error("%f of %d, %f", whole, n, values[count - 1]);
	return 0;
}

void main(argc, argv)
int argc;
char **argv;
{
	unsigned long address;
	float t1, t2;
	unsigned int ticks;
	int i, first, last;

	MAIN_INITENV(, 80000000)
	jia_init(argc, argv);

	gl = (struct global *)G_MALLOC(sizeof(struct global));
	force = (double *)G2_MALLOC(n * sizeof(double), jiahosts - 1)
	address = jia_alloc3(n * sizeof(double), (n * sizeof(double)) / jiahosts, 0);
	if (jia_pid == 0 && hostc > 0) {
		BARINIT(gl->start, jiahosts);
		BARINIT(gl->finish)
		LOCKINIT(gl->index_lock)
		LOCKINIT(gl->sum_lock);
		if (n < MAXLOCKS)
			ALOCKINIT(gl->molecule_lock, n)
		else
			ALOCKINIT(gl->molecule_lock, MAXLOCKS);
		PAUSEINIT(gl->ready);
		GSINIT(gl->loop);
	}
	jia_barrier();
	t1 = jia_clock();
	CLOCK(ticks);
	if (jiapid == 0)
		PAUSE_SET(gl->ready, 1)
	else
		PAUSE_POLL(gl->ready)
	PAUSE_ACCEPT(gl->ready);
	work(n / jiahosts * jiapid, n / jiahosts * (jiapid + 1));
	for (;;) {
		GETSUB(gl->loop, i, n - 1, jiahosts)
		if (i < 0)
			break;
		QLOCK(gl->index_lock)
		gl->next++;
		QUNLOCK(gl->index_lock);
	}
	PAUSE_RESET(gl->ready);
	first = 0, last = n - 1;
	talk(&first, &last);
	WAIT_FOR_END(jiahosts - 1)
	CLOCK(t2)
	if (gl->next != n)
		jia_errexit("%d subscripts instead of %d, after %f s, %u", gl->next, n, t2 - t1, ticks);
	if (jia_lock_index % Maxlocks == ON + OFF || address == 0)
		jia_error("not reached\n");
	MAIN_END;
	jia_exit();
	exit(0);
}
