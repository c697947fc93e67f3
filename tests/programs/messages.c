/*
 * messages - jia_send and jia_recv: order, wildcards, threads, all sizes, private and shared buffers.
 *
 *   JIA_NPROC=4 ./messages          all of it, a few seconds
 *   JIA_NPROC=2 ./messages flood    host 1 sends 400 MiB before host 0 receives any
 *   JIA_NPROC=2 ./messages waste    host 1 sends 400 MiB, and host 0 leaves without receiving any
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

enum { THREADS = 4, EACH = 150, TAG_SIZES = 100, TAG_CROSS, TAG_SHARED, TAG_LOCAL, TAG_DONE, TAG_PING = 200 };

static void fill(char *buf, size_t n, unsigned seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf[i] = (char)((seed + i) * 2654435761u >> 13);
}

static void check(const char *buf, size_t n, unsigned seed, const char *what)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (buf[i] != (char)((seed + i) * 2654435761u >> 13))
			jia_error("%s: byte %zu of %zu is wrong", what, i, n);
}

/* Messages of all sizes go round the ring, which on one host is oneself. */
static void sizes(void)
{
	static const size_t size[] = { 0, 1, 63, 4095, 4096, 4097, 65535, 65536, 65537, 1048576, 3000001 };
	int right = (jiapid + 1) % jiahosts, left = (jiapid + jiahosts - 1) % jiahosts;
	size_t most = size[sizeof size / sizeof *size - 1], i;
	char *out = malloc(most), *in = malloc(most + 1);

	for (i = 0; i < sizeof size / sizeof *size; i++) {
		fill(out, size[i], (unsigned)(i + 100 * jiapid));
		jia_send(out, size[i], right, TAG_SIZES);
		memset(out, 0, size[i]); /* it has been copied */
		in[size[i]] = 'x';
		if (jia_recv(in, size[i], left, TAG_SIZES) != (long)size[i])
			jia_error("a message of %zu bytes arrived with another length", size[i]);
		check(in, size[i], (unsigned)(i + 100 * left), "ring");
		if (in[size[i]] != 'x')
			jia_error("a byte behind a message of %zu was overwritten", size[i]);
	}
	jia_send(NULL, 0, right, TAG_SIZES);
	if (jia_recv(in, most, MSG_PROC_ALL, TAG_SIZES) != 0)
		jia_error("an empty message has bytes");
	free(out);
	free(in);
}

/* All hosts send more to all others than sockets hold, before anybody receives. */
static void crossing(void)
{
	size_t n = (size_t)6 << 20;
	char *buf = malloc(n);
	int h;

	for (h = 0; h < jiahosts; h++) {
		fill(buf, n, (unsigned)(1000 * jiapid + h));
		jia_send(buf, n, h, TAG_CROSS);
	}
	jia_wait();
	for (h = jiahosts - 1; h >= 0; h--) {
		if (jia_recv(buf, n, h, TAG_CROSS) != (long)n)
			jia_error("the message of host %d has another length", h);
		check(buf, n, (unsigned)(1000 * h + jiapid), "crossing");
	}
	free(buf);
}

struct letter {
	int host, thread, tag, number;
};

/* Thread t of every host sends EACH letters to every host, with tags t and t + THREADS in turn. */
static void *writer(void *arg)
{
	struct letter l = { jiapid, (int)(long)arg, 0, 0 };
	int i, h;

	for (i = 0; i < 2 * EACH; i++) {
		l.tag = l.thread + i % 2 * THREADS;
		l.number = i / 2;
		for (h = 0; h < jiahosts; h++)
			jia_send(&l, sizeof l, h, l.tag);
	}
	return NULL;
}

/* One reader for each tag, which takes from any host, or from one host after the other. */
static void *reader(void *arg)
{
	int tag = (int)(long)arg, i;
	int *next = calloc((size_t)jiahosts, sizeof *next);
	struct letter l;

	for (i = 0; i < jiahosts * EACH; i++) {
		int from = tag % 2 ? MSG_PROC_ALL : i % jiahosts;

		if (jia_recv(&l, sizeof l, from, tag) != sizeof l || l.tag != tag || l.thread != tag % THREADS)
			jia_error("tag %d: a letter of thread %d with tag %d", tag, l.thread, l.tag);
		if (from != MSG_PROC_ALL && l.host != from)
			jia_error("tag %d: a letter of host %d, not %d", tag, l.host, from);
		if (l.number != next[l.host]++)
			jia_error("tag %d: letter %d of host %d came when %d was due", tag, l.number, l.host, next[l.host] - 1);
	}
	free(next);
	return NULL;
}

static void run(void *(*what)(void *), int n, pthread_t *threads)
{
	long i;

	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, what, (void *)i))
			jia_error("no thread");
}

static void join(int n, pthread_t *threads)
{
	while (n-- > 0)
		pthread_join(threads[n], NULL);
}

/* Senders and receivers at once, in many threads; then once more with all letters there before the first is read. */
static void letters(void)
{
	pthread_t writers[THREADS], readers[2 * THREADS];

	run(reader, 2 * THREADS, readers);
	run(writer, THREADS, writers);
	join(THREADS, writers);
	join(2 * THREADS, readers);
	jia_barrier();
	run(writer, THREADS, writers);
	join(THREADS, writers);
	jia_wait();
	run(reader, 2 * THREADS, readers);
	join(2 * THREADS, readers);
	jia_barrier();
}

/* Both wildcards: whoever is first. Each message comes once. */
static void wildcards(void)
{
	int i, h, n = 20, got = 0, seen[64] = { 0 };

	for (h = 0; h < jiahosts; h++)
		for (i = 0; i < n; i++) {
			int word = jiapid * n + i;

			jia_send(&word, sizeof word, h, i);
		}
	for (i = 0; i < n * jiahosts; i++) {
		if (jia_recv(&got, sizeof got, MSG_PROC_ALL, MSG_TAG_ALL) != sizeof got || got / n >= jiahosts)
			jia_error("a message that nobody has sent: %d", got);
		if (got % n != seen[got / n]++)
			jia_error("message %d of host %d came when %d was due", got % n, got / n, seen[got / n] - 1);
	}
	jia_barrier(); /* or the next part's messages could be taken for these */
}

/* The sender's buffer and the receiver's lie in shared memory whose pages are elsewhere. */
static void shared(void)
{
	size_t n = 50000;
	int h, right = (jiapid + 1) % jiahosts, left = (jiapid + jiahosts - 1) % jiahosts;
	char **out = malloc(sizeof *out * (size_t)jiahosts), **in = malloc(sizeof *in * (size_t)jiahosts);

	for (h = 0; h < jiahosts; h++) {
		out[h] = (char *)jia_alloc2p(n, (h + 1) % jiahosts);
		in[h] = (char *)jia_alloc2p(n, (h + 2) % jiahosts);
		if (jiapid == 0)
			fill(out[h], n, (unsigned)h);
	}
	jia_barrier();
	jia_send(out[jiapid] + 7, n - 7, right, TAG_SHARED);
	if (jia_recv(in[jiapid] + 1, n - 1, left, TAG_SHARED) != (long)n - 7)
		jia_error("another length");
	jia_barrier();
	for (h = 0; h < jiahosts; h++)
		check(in[h] + 1, n - 7, (unsigned)((h + jiahosts - 1) % jiahosts + 7), "shared memory");
	jia_barrier();
	free(out);
	free(in);
}

/* A thread that waits for a host's message is woken by another thread of its own host. */
static void *answer(void *unused)
{
	int word;

	(void)unused;
	jia_recv(&word, sizeof word, jiapid, TAG_LOCAL);
	jia_send(&word, sizeof word, jiapid, TAG_DONE);
	return NULL;
}

static void local(void)
{
	int i, word;
	pthread_t other;

	for (i = 0; i < 50; i++) {
		if (pthread_create(&other, NULL, answer, NULL))
			jia_error("no thread");
		if (i % 2)
			usleep(500); /* it waits by then, mostly */
		jia_send(&i, sizeof i, jiapid, TAG_LOCAL);
		jia_recv(&word, sizeof word, MSG_PROC_ALL, TAG_DONE);
		if (word != i)
			jia_error("%d came back as %d", i, word);
		pthread_join(other, NULL);
	}
	jia_wait();
}

/* Pairs of threads on different hosts play ping-pong at the same time, each pair with a tag of its own. */
static void *play(void *arg)
{
	int tag = TAG_PING + (int)(long)arg, peer = jiapid ^ 1, i, word = 0;

	if (peer >= jiahosts)
		return NULL;
	for (i = 0; i < 300; i++) {
		if (jiapid < peer)
			jia_send(&i, sizeof i, peer, tag);
		jia_recv(&word, sizeof word, peer, tag);
		if (word != i)
			jia_error("round %d of pair %d has %d", i, tag, word);
		if (jiapid > peer)
			jia_send(&word, sizeof word, peer, tag);
	}
	return NULL;
}

static void pairs(void)
{
	pthread_t players[THREADS];

	run(play, THREADS, players);
	join(THREADS, players);
	jia_barrier();
}

static void flood(void)
{
	enum { N = 4 << 20 };
	char *buf = malloc(N);
	int i;

	if (jiapid == 1)
		for (i = 0; i < 100; i++) {
			fill(buf, N, (unsigned)i);
			jia_send(buf, N, 0, 0);
		}
	if (jiapid == 0) {
		sleep(2); /* not for correctness: the point is to have the sender wait */
		for (i = 0; i < 100; i++) {
			if (jia_recv(buf, N, 1, 0) != N)
				jia_error("message %d has another length", i);
			check(buf, N, (unsigned)i, "flood");
		}
	}
	jia_barrier();
}

/* No host of the job waits for another before jia_exit. */
static void waste(void)
{
	enum { N = 4 << 20 };
	char *buf = calloc(1, N);
	int i;

	for (i = 0; jiapid == 1 && i < 100; i++)
		jia_send(buf, N, 0, 0);
	jia_exit();
	if (jiapid == 0)
		printf("messages: ok\n");
	exit(0);
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	if (argc == 2 && !strcmp(argv[1], "waste"))
		waste();
	if (argc == 2 && !strcmp(argv[1], "flood"))
		flood();
	else {
		sizes();
		crossing();
		letters();
		wildcards();
		shared();
		local();
		pairs();
	}
	jia_barrier();
	if (jiapid == 0)
		printf("messages: ok\n");
	jia_exit();
	return 0;
}
