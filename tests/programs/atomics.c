/*
 * atomics - atomic operations of all hosts and threads.
 *
 *   JIA_NPROC=4 ./atomics COUNT THREADS
 *
 * Words homed at each host count to COUNT together, in both widths; each number comes out once. A list is pushed to by
 * compare-exchange, and ordinary loads find the sums after barriers and in scopes of a lock.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jia.h"

enum { PAGE = 4096, MOST = 16 };

/* What lies at the beginning of a page of each host. */
struct words {
	unsigned long count;
	unsigned int count32[3];
	unsigned int plain; /* stored to by its host alone, without atomic operations */
	unsigned long mixed; /* guarded by lock 1 */
};

struct node {
	unsigned long next; /* 1 + the number of the next node, 0: none */
	unsigned long value;
};

static volatile struct words *words[64];
static volatile unsigned char *seen; /* by number that came out of words[0]->count; private to each host until the end */
static volatile struct node *nodes;
static volatile unsigned long *head;
static int count, threads, each;

static void push(unsigned long number)
{
	unsigned long first = jia_atomic_load_u64(head);

	nodes[number].value = number;
	do
		nodes[number].next = first;
	while (!jia_atomic_compare_exchange_u64(head, &first, number + 1));
}

static void *work(void *argument)
{
	int me = jiapid * threads + (int)(long)argument, i;

	for (i = 0; i < each; i++) {
		volatile struct words *w = words[i % jiahosts], *first = words[0];
		unsigned long got = jia_atomic_fetch_add_u64(&first->count, 1);

		if (got >= (unsigned long)count || seen[got]++)
			jia_error("thread %d got the number %lu, which is out of bounds or was drawn before", me, got);
		jia_atomic_fetch_add_u32(&w->count32[1], 3);
		if (jia_atomic_exchange_u32(&words[jiapid]->count32[2], (unsigned int)me + 1) > (unsigned int)(jiahosts * threads))
			jia_error("an exchange found what nobody stored");
		if (i % 50 == 0) {
			push((unsigned long)(me * each + i));
			if (me % threads == 0)
				words[jiapid]->plain++;
			jia_lock(1);
			w->mixed++;
			if (jia_atomic_fetch_add_u64(&w->mixed, 1) % 2 != 1 || w->mixed % 2 != 0)
				jia_error("a word under a lock is %lu", w->mixed);
			jia_unlock(1);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t other[MOST];
	unsigned long sum = 0, sum32 = 0, mixed = 0, expected, at, listed = 0;
	int i;

	count = argc > 1 ? atoi(argv[1]) : 1000;
	threads = argc > 2 ? atoi(argv[2]) : 2;
	jia_init(argc, argv);
	each = count / (jiahosts * threads);
	count = each * jiahosts * threads;
	for (i = 0; i < jiahosts; i++)
		words[i] = (volatile struct words *)jia_alloc2p(PAGE, i);
	head = (volatile unsigned long *)jia_alloc2p(PAGE, jiahosts - 1);
	nodes = (volatile struct node *)jia_alloc((size_t)count * sizeof *nodes);
	seen = calloc((size_t)count, 1);
	jia_barrier();

	for (i = 1; i < threads; i++)
		if (pthread_create(&other[i], NULL, work, (void *)(long)i))
			jia_error("no thread");
	work(NULL);
	for (i = 1; i < threads; i++)
		pthread_join(other[i], NULL);
	jia_barrier();

	for (i = 0; i < jiahosts; i++) { /* ordinary loads */
		sum += words[i]->count;
		sum32 += words[i]->count32[1];
		mixed += words[i]->mixed;
		if (words[i]->plain != (unsigned int)((each + 49) / 50))
			jia_error("the ordinary word of host %d is %u", i, words[i]->plain);
	}
	for (at = *head; at; at = nodes[at - 1].next)
		if (++listed, nodes[at - 1].value != at - 1)
			jia_error("node %lu of the list holds %lu", at - 1, nodes[at - 1].value);
	expected = (unsigned long)((each + 49) / 50) * (unsigned long)(jiahosts * threads);
	if (sum != (unsigned long)count || sum32 != 3ul * (unsigned long)count || mixed != 2 * expected || listed != expected)
		jia_error("sums are %lu, %lu, %lu; %lu nodes are listed of %lu", sum, sum32, mixed, listed, expected);
	jia_barrier();

	/* What fails leaves the word alone and tells what it holds. */
	if (jiapid == 0) {
		unsigned int was = 7;

		jia_atomic_store_u32(&words[jiahosts - 1]->count32[0], 4294967295u);
		if (jia_atomic_compare_exchange_u32(&words[jiahosts - 1]->count32[0], &was, 1) || was != 4294967295u ||
		    jia_atomic_fetch_add_u32(&words[jiahosts - 1]->count32[0], 2) != 4294967295u ||
		    jia_atomic_load_u32(&words[jiahosts - 1]->count32[0]) != 1 || words[jiahosts - 1]->count32[0] != 1)
			jia_error("an operation of 32 bits went wrong");
		jia_atomic_store_u64(&words[jiahosts - 1]->count, 1ul << 40);
		if (jia_atomic_exchange_u64(&words[jiahosts - 1]->count, 5) != 1ul << 40)
			jia_error("an exchange of 64 bits went wrong");
	}
	jia_barrier();
	if (words[jiahosts - 1]->count != 5 || words[jiahosts - 1]->count32[0] != 1 || words[jiahosts - 1]->count32[1] == 0)
		jia_error("the words are not what was stored");
	jia_barrier();
	if (jiapid == 0)
		printf("atomics: ok, %d\n", count);
	jia_exit();
	return 0;
}
