/*
 * water - molecular dynamics with a lock for each molecule.
 *
 *   JIA_NPROC=4 ./water [molecules steps]
 *
 * The sharing pattern is that of the SPLASH program of this name, the physics simpler: points that
 * attract and repel each other (Lennard-Jones, in reduced units) in a periodic box.
 *
 * Molecules are reached through a table of pointers, which lies in shared memory and points into shared
 * memory: an address means the same on every host. A pair is computed once, by one host, and pushes two
 * molecules, of which others push too: so forces are added inside the scope of the molecule's lock.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jia.h"

#define TIME_STEP 0.002
#define SPACING 1.1 /* of the lattice on which molecules start */
#define CHECKED_PAIRS 100000000L /* up to so many, host 0 computes all again by itself */

/* Lock ids need no declaration: molecule i is guarded by lock i, the totals by the one after the last. */
#define MOLECULE_LOCK(i) (i)
#define TOTAL_LOCK (count)

struct molecule {
	double position[3]; /* written by its owner in move(), read by all after the barrier */
	double velocity[3]; /* the owner's alone */
	double force[3];    /* added to inside MOLECULE_LOCK(i) between two barriers; else the owner's */
};

/* Shared, inside TOTAL_LOCK, or after the last barrier. */
struct totals {
	double kinetic, potential, momentum[3];
};

static int count;
static double box;         /* length of the edge of the box */
static double cutoff2;     /* pairs further apart than half the box do not interact; squared */
static double cutoff_energy;

/* One system of molecules, of which a host owns the range [first, past). */
struct system {
	struct molecule **molecule;
	int first, past;
};

static double energy_at(double r2)
{
	double s = 1 / (r2 * r2 * r2);
	return 4 * s * (s - 1);
}

/* On a lattice, with small velocities that add up to zero. */
static void place(struct system *s, int i)
{
	int side = (int)ceil(cbrt(count));
	struct molecule *m = s->molecule[i];

	for (int d = 0; d < 3; d++) {
		m->position[d] = SPACING * (i / (d == 0 ? 1 : d == 1 ? side : side * side) % side);
		m->velocity[d] = cos(2 * M_PI * i * (d + 1) / count);
		m->force[d] = 0;
	}
}

/* Half a kick, a full move: leapfrog in the form of Verlet. Clears the forces for the next round. */
static void move(struct system *s)
{
	for (int i = s->first; i < s->past; i++) {
		struct molecule *m = s->molecule[i];
		for (int d = 0; d < 3; d++) {
			m->velocity[d] += TIME_STEP / 2 * m->force[d];
			m->position[d] += TIME_STEP * m->velocity[d];
			m->force[d] = 0;
		}
	}
}

/* The other half of the kick, with the new forces. */
static void kick(struct system *s)
{
	for (int i = s->first; i < s->past; i++)
		for (int d = 0; d < 3; d++)
			s->molecule[i]->velocity[d] += TIME_STEP / 2 * s->molecule[i]->force[d];
}

/*
 * Add up, in `push`, the forces of the pairs that belong to this range: molecule i with the half of
 * the others that follows it in a circle. Returns their potential energy.
 */
static double pairs(struct system *s, double (*push)[3])
{
	double energy = 0;

	for (int i = s->first; i < s->past; i++)
		for (int k = 1; k <= count / 2; k++) {
			int j = (i + k) % count;
			if (2 * k == count && i > j)
				continue; /* the far end of an even circle: seen from the other side already */
			double between[3], r2 = 0;
			for (int d = 0; d < 3; d++) {
				between[d] = s->molecule[i]->position[d] - s->molecule[j]->position[d];
				between[d] -= box * rint(between[d] / box);
				r2 += between[d] * between[d];
			}
			if (r2 >= cutoff2)
				continue;
			double t = 1 / (r2 * r2 * r2);
			double f = 24 * t * (2 * t - 1) / r2;
			energy += energy_at(r2) - cutoff_energy;
			for (int d = 0; d < 3; d++) {
				push[i][d] += f * between[d];
				push[j][d] -= f * between[d];
			}
		}
	return energy;
}

/* Give the private sums to the molecules, beginning with one's own, so that hosts start apart. */
static void share_forces(struct system *s, double (*push)[3])
{
	for (int k = 0; k < count; k++) {
		int i = (s->first + k) % count;
		if (push[i][0] == 0 && push[i][1] == 0 && push[i][2] == 0)
			continue;
		jia_lock(MOLECULE_LOCK(i));
		for (int d = 0; d < 3; d++)
			s->molecule[i]->force[d] += push[i][d];
		jia_unlock(MOLECULE_LOCK(i));
		push[i][0] = push[i][1] = push[i][2] = 0;
	}
}

static void *allocate(size_t number, size_t size)
{
	void *p = calloc(number, size);

	if (!p)
		jia_error("water: no memory");
	return p;
}

static void add_totals(struct system *s, struct totals *t, double potential)
{
	t->potential += potential;
	for (int i = s->first; i < s->past; i++)
		for (int d = 0; d < 3; d++) {
			double v = s->molecule[i]->velocity[d];
			t->kinetic += v * v / 2;
			t->momentum[d] += v;
		}
}

/* The same simulation in private memory, without another host. Returns its first and last total energy in `energy`. */
static struct molecule *sequential(int steps, double energy[2])
{
	struct molecule *all = allocate(count, sizeof *all);
	struct system s = { allocate(count, sizeof *s.molecule), 0, count };
	double (*push)[3] = allocate(count, sizeof *push);

	for (int i = 0; i < count; i++) {
		s.molecule[i] = &all[i];
		place(&s, i);
	}
	for (int step = 0; step <= steps; step++) {
		struct totals t = { 0 };
		if (step > 0)
			move(&s);
		double potential = pairs(&s, push);
		for (int i = 0; i < count; i++)
			for (int d = 0; d < 3; d++) {
				all[i].force[d] += push[i][d];
				push[i][d] = 0;
			}
		if (step > 0)
			kick(&s);
		add_totals(&s, &t, potential);
		energy[step > 0] = t.kinetic + t.potential;
	}
	free(push);
	free(s.molecule);
	return all;
}

static void check(struct system *s, struct totals *t, int steps)
{
	double total = t->kinetic + t->potential, energy[2], worst = 0;

	for (int d = 0; d < 3; d++)
		if (!(fabs(t->momentum[d]) < 1e-9 * count))
			jia_error("water: the momentum is %g, not 0", t->momentum[d]);
	if ((double)count * count / 2 * steps > CHECKED_PAIRS) {
		if (!isfinite(total))
			jia_error("water: the energy is not finite");
		return;
	}
	struct molecule *want = sequential(steps, energy);
	for (int i = 0; i < count; i++)
		for (int d = 0; d < 3; d++) {
			double error = fabs(s->molecule[i]->position[d] - want[i].position[d]);
			if (!(error <= worst)) /* so that a NaN counts */
				worst = error;
		}
	free(want);
	if (!(worst < 1e-6))
		jia_error("water: a molecule is %g away from where it belongs", worst);
	if (!(fabs(total - energy[1]) < 1e-6 * count) || !(fabs(total - energy[0]) < 0.01 * count))
		jia_error("water: energy %g became %g, and sequentially %g", energy[0], total, energy[1]);
}

int main(int argc, char **argv)
{
	count = argc > 1 ? atoi(argv[1]) : 343;
	int steps = argc > 2 ? atoi(argv[2]) : 20;

	if (count < 4 || steps < 1)
		jia_error("water: there must be at least 4 molecules and 1 step");
	jia_init(argc, argv);

	box = SPACING * ceil(cbrt(count));
	cutoff2 = box * box / 4;
	cutoff_energy = energy_at(cutoff2);

	/* Every host's molecules lie in its own memory; every host makes all the allocations. */
	struct system s = { (struct molecule **)jia_alloc(count * sizeof *s.molecule), 0, 0 };
	struct totals *totals = (struct totals *)jia_alloc(sizeof *totals);
	for (int h = 0; h < jiahosts; h++) {
		int first = (int)((long)count * h / jiahosts), past = (int)((long)count * (h + 1) / jiahosts);
		struct molecule *m = (struct molecule *)jia_alloc2p((past - first + 1) * sizeof *m, h);
		if (h != jiapid)
			continue;
		s.first = first;
		s.past = past;
		for (int i = first; i < past; i++) {
			s.molecule[i] = &m[i - first];
			place(&s, i);
		}
	}
	double (*push)[3] = allocate(count, sizeof *push);
	double potential = 0;

	jia_barrier();
	double start = jia_clock();

	for (int step = 0; step <= steps; step++) {
		if (step > 0) /* step 0 computes the first forces only */
			move(&s);
		jia_barrier(); /* all positions are new, all forces zero */
		potential = pairs(&s, push);
		share_forces(&s, push);
		jia_barrier(); /* all forces are complete */
		if (step > 0)
			kick(&s);
	}

	double elapsed = jia_clock() - start;

	jia_lock(TOTAL_LOCK);
	add_totals(&s, totals, potential);
	jia_unlock(TOTAL_LOCK);
	jia_barrier();

	if (jiapid == 0) {
		check(&s, totals, steps);
		printf("water: %d molecules, %d steps, %d host(s): ok, %.3f s\n", count, steps, jiahosts, elapsed);
	}
	jia_exit();
	return 0;
}
