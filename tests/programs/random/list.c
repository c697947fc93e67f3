/*
 * list.c - a sorted list of shared pointers with a lock on each node, walked hand over hand.
 *
 * A worker inserts and removes nodes of its own, everybody walks over all of them. What a node holds is read and
 * written inside its own lock only: the lock of its predecessor may be another one by the time of the next visit.
 */
#include "random.h"

#include <stdlib.h>

#include "jia.h"

#define OWN 4 /* nodes of each worker */

struct node {
	struct node *volatile next;
	volatile uint64_t key;    /* ascending along the list; those of worker w are w + k * workers() + 1 */
	volatile uint64_t visits;
	volatile uint64_t length; /* of the whole list; in the head only */
};
static struct node *nodes;           /* shared; [0] is the head */
static volatile uint8_t (*in)[OWN];  /* shared: [worker][k], written by the worker: is that node in the list? */
static volatile uint64_t *walks;     /* shared: [worker], visits it made */

void list_layout(void)
{
	if (!plan.list)
		return;
	nodes = place(sizeof *nodes * (1 + MAX_WORKERS * OWN), 50);
	in = place(sizeof *in * MAX_WORKERS, 51);
	walks = place(sizeof *walks * MAX_WORKERS, 52);
}

static int lock_of(const struct node *n)
{
	return NODE_LOCK((int)(n - nodes));
}

static struct node *own(const struct worker *w, int k)
{
	return &nodes[1 + w->id * OWN + k];
}

static uint64_t key_of(int worker, int k)
{
	return (uint64_t)k * (unsigned)workers() + (unsigned)worker + 1;
}

/* Locks and returns the last node whose key is below the given one; *after is the node behind it, locked too. */
static struct node *find(uint64_t key, struct node **after)
{
	struct node *at = nodes, *next;

	jia_lock(lock_of(at)); /* held by the caller's predecessor until now: nobody overtakes */
	while ((next = at->next) != NULL) {
		jia_lock(lock_of(next));
		if (next->key <= at->key)
			wrong("the key of a node behind a larger one", &next->key, at->key + 1, next->key);
		if (next->key >= key)
			break;
		jia_unlock(lock_of(at));
		at = next;
	}
	*after = next;
	return at;
}

static void insert(struct worker *w, int k)
{
	struct node *after, *fresh = own(w, k), *at = find(key_of(w->id, k), &after);

	jia_lock(lock_of(fresh)); /* nobody else can reach it; but what is written to it belongs into its own scope */
	fresh->key = key_of(w->id, k);
	fresh->next = after;
	jia_unlock(lock_of(fresh));
	at->next = fresh;
	jia_unlock(lock_of(at));
	if (after)
		jia_unlock(lock_of(after));
}

static void take_out(struct worker *w, int k)
{
	struct node *after, *gone = own(w, k), *at = find(key_of(w->id, k), &after);

	expect("the node that its worker inserted", &at->next, (uintptr_t)gone, (uintptr_t)after);
	at->next = gone->next;
	gone->next = NULL;
	jia_unlock(lock_of(gone));
	jia_unlock(lock_of(at));
}

static void visit(struct worker *w)
{
	struct node *after, *at = find(1 + below(w, (unsigned)(workers() * OWN)), &after);

	at->visits++;
	walks[w->id]++;
	if (after)
		jia_unlock(lock_of(after));
	jia_unlock(lock_of(at));
}

void list_step(struct worker *w)
{
	if (!plan.list)
		return;
	int k = (int)below(w, OWN);

	if (below(w, 3) == 0) {
		visit(w);
		return;
	}
	jia_lock(lock_of(nodes));
	nodes[0].length += in[w->id][k] ? UINT64_MAX : 1; /* ahead of the deed, which cannot fail */
	jia_unlock(lock_of(nodes));
	if (in[w->id][k])
		take_out(w, k);
	else
		insert(w, k);
	in[w->id][k] = !in[w->id][k];
}

void list_check(void)
{
	if (!plan.list)
		return;
	uint64_t length = 0, visits = nodes[0].visits, made = 0;
	const struct node *n = nodes[0].next;

	for (int k = 0; k < OWN; k++)
		for (int i = 0; i < workers(); i++) {
			if (!in[i][k])
				continue;
			expect("the node that comes next in the end", &in[i][k], (uintptr_t)&nodes[1 + i * OWN + k], (uintptr_t)n);
			expect("its key", &n->key, key_of(i, k), n->key);
			length++;
			n = n->next;
		}
	expect("the end of the list", nodes, 0, (uintptr_t)n);
	expect("the length of the list", &nodes[0].length, length, nodes[0].length);
	for (int i = 0; i < workers(); i++)
		made += walks[i];
	for (int i = 1; i <= workers() * OWN; i++)
		visits += nodes[i].visits;
	expect("the number of visits", nodes, made, visits);
}
