/*
 *  nbody.c -- gravity among n bodies, direct method.
 *
 *  usage:  nbody [-f file]         default file is nbody.in:
 *          number of bodies, steps, time step, seed
 */
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <unistd.h>
#include <jia.h>

#define MAXPROCS  16
#define EPS2      0.01		/* softening, squared */

EXTERN_ENV

typedef struct {
	double pos[3], vel[3], force[3], mass;
} BODY;

struct global {
	LOCKDEC(energylock)
	ALOCKDEC(blocklock, MAXPROCS)
	BARDEC(start)
	PAUSEDEC(ready)
	double energy[2];		/* at the first and at the last step */
} *gl;

BODY *body;
double *mine;			/* forces found by this processor, private */
int n, steps, share;
double dt;

readinput(name)
char *name;
{
	FILE *f;
	int seed;

	if ((f = fopen(name, "r")) == NULL)
		jia_errexit("cannot open %s\n", name);
	if (fscanf(f, "%d %d %lf %d", &n, &steps, &dt, &seed) != 4 || n < 1)
		jia_errexit("%s: want bodies, steps, time step, seed\n", name);
	fclose(f);
	srand48((long) seed);
}

makebodies()
{
	int i, k;
	double mean[3], m;

	for (k = 0; k < 3; k++)
		mean[k] = 0.0;
	for (i = 0; i < n; i++) {
		body[i].mass = m = 1.0 / n;
		for (k = 0; k < 3; k++) {
			body[i].pos[k] = drand48();
			body[i].vel[k] = drand48() - 0.5;
			mean[k] += m * body[i].vel[k];
		}
	}
	for (i = 0; i < n; i++)		/* the whole stands still */
		for (k = 0; k < 3; k++)
			body[i].vel[k] -= mean[k];
}

/* Each pair once, by the processor that owns the first. */
double forces(begin, end)
int begin, end;
{
	int i, j, k, b;
	double d[3], r2, a, pot;

	pot = 0.0;
	for (i = 0; i < 3 * n; i++)
		mine[i] = 0.0;
	for (i = begin; i < end; i++)
		for (j = (i + 1) % n; j != (i + 1 + (n - 1) / 2 + (n % 2 == 0 && i < n / 2)) % n; j = (j + 1) % n) {
			r2 = EPS2;
			for (k = 0; k < 3; k++) {
				d[k] = body[j].pos[k] - body[i].pos[k];
				r2 += d[k] * d[k];
			}
			a = body[i].mass * body[j].mass / sqrt(r2);
			pot -= a;
			for (k = 0; k < 3; k++) {
				mine[3 * i + k] += a / r2 * d[k];
				mine[3 * j + k] -= a / r2 * d[k];
			}
		}
	for (b = 0; b < jiahosts; b++) {
		ALOCK(gl->blocklock, b)
		for (i = b * share; i < (b + 1) * share && i < n; i++)
			for (k = 0; k < 3; k++)
				body[i].force[k] += mine[3 * i + k];
		AULOCK(gl->blocklock, b)
	}
	return pot;
}

/* Half a kick, a drift, and with the new forces half a kick. */
step(begin, end, energy)
int begin, end;
double *energy;
{
	int i, k;
	double e;

	for (i = begin; i < end; i++)
		for (k = 0; k < 3; k++) {
			body[i].vel[k] += 0.5 * dt * body[i].force[k] / body[i].mass;
			body[i].pos[k] += dt * body[i].vel[k];
			body[i].force[k] = 0.0;
		}
	BARRIER(gl->start, jiahosts);
	e = forces(begin, end);
	BARRIER(gl->start, jiahosts)
	for (i = begin; i < end; i++)
		for (k = 0; k < 3; k++) {
			body[i].vel[k] += 0.5 * dt * body[i].force[k] / body[i].mass;
			e += 0.5 * body[i].mass * body[i].vel[k] * body[i].vel[k];
		}
	if (energy) {
		LOCK(gl->energylock)
		*energy += e;
		UNLOCK(gl->energylock)
	}
}

check()
{
	int i, k;
	double p[3];

	p[0] = p[1] = p[2] = 0.0;
	for (i = 0; i < n; i++)
		for (k = 0; k < 3; k++)
			p[k] += body[i].mass * body[i].vel[k];
	for (k = 0; k < 3; k++)
		if (!(fabs(p[k]) < 1e-12))
			jia_errexit("nbody: the bodies drift, momentum %g\n", p[k]);
	if (!(fabs(gl->energy[1] - gl->energy[0]) < 1e-3))
		jia_errexit("nbody: energy was %g, is %g\n", gl->energy[0], gl->energy[1]);
}

main(argc, argv)
int argc;
char **argv;
{
	int c, i, begin, end;
	char *name = "nbody.in";
	float t1, t2;

	MAIN_INITENV(, 40000000)
	jia_init(argc, argv);
	while ((c = getopt(argc, argv, "f:")) != -1)
		if (c == 'f')
			name = optarg;
	if (jiahosts > MAXPROCS)
		jia_errexit("nbody: at most %d processors\n", MAXPROCS);
	readinput(name);

	share = (n + jiahosts - 1) / jiahosts;
	gl = (struct global *) G_MALLOC(sizeof(struct global))
	body = (BODY *) jia_alloc3(n * sizeof(BODY), share * sizeof(BODY), 0);
	mine = (double *) malloc(3 * n * sizeof(double));
	if (jiapid == 0) {
		LOCKINIT(gl->energylock);
		ALOCKINIT(gl->blocklock, MAXPROCS)
		BARINIT(gl->start);
		PAUSEINIT(gl->ready);
		makebodies();
	}
	BARRIER(gl->start, jiahosts)

	begin = jiapid * share < n ? jiapid * share : n;
	end = begin + share < n ? begin + share : n;
	forces(begin, end);
	BARRIER(gl->start, jiahosts)
	CLOCK(t1)
	for (i = 1; i <= steps; i++)
		step(begin, end, i == 1 ? &gl->energy[0] : i == steps ? &gl->energy[1] : NULL);
	BARRIER(gl->start, jiahosts)
	CLOCK(t2)

	if (jiapid == 0) {
		check();
		printf("nbody: %d bodies, %d steps, %d host(s): ok, %.3f s\n", n, steps, jiahosts, t2 - t1);
		PAUSE_SET(gl->ready, 1)
	} else
		PAUSE_POLL(gl->ready)
	jia_exit();
	MAIN_END
	exit(0);
}
