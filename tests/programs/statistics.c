/*
 * statistics.c - the numbers of jia_stats where they are known beforehand, on two hosts.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "jia.h"

#define PAGE 4096
enum { PAGES = 128, WRITTEN = 5 };

/* expect ends the job unless a number of this host is what it should be. */
static void expect(int line, const char *what, unsigned long got, unsigned long want)
{
	if (got != want)
		jia_error("line %d: %s is %lu, not %lu", line, what, got, want);
}
#define EXPECT(what, want) expect(__LINE__, #what, (unsigned long)(what), (unsigned long)(want))

static jia_stats_t now(void)
{
	jia_stats_t s;
	double sum;

	s.size = sizeof s;
	EXPECT(jia_stats(&s), 0);
	EXPECT(s.size, sizeof s);
	sum = s.seconds_computing + s.seconds_faulting + s.seconds_locks + s.seconds_barriers + s.seconds_messages +
	      s.seconds_waiting;
	if (sum < s.seconds_elapsed - 1e-6 || sum > s.seconds_elapsed + 1e-6)
		jia_error("%.9f s elapsed, their parts are %.9f s", s.seconds_elapsed, sum);
	return s;
}

/* Structures of other sizes than the library's: an older program's, a newer one's, and nonsense. */
static void sizes(void)
{
	struct { jia_stats_t s; unsigned long more[2]; } big;
	jia_stats_t s;

	EXPECT(jia_stats(NULL), -EINVAL);
	s.size = 0;
	EXPECT(jia_stats(&s), -EINVAL);
	s.size = 1 << 20;
	EXPECT(jia_stats(&s), -EINVAL);
	memset(&s, 0x55, sizeof s);
	s.size = offsetof(jia_stats_t, read_faults);
	EXPECT(jia_stats(&s), 0);
	EXPECT(s.size, offsetof(jia_stats_t, read_faults));
	EXPECT(s.seconds_elapsed > 0, 1);
	EXPECT(s.read_faults, 0x5555555555555555);
	memset(&big, 0x55, sizeof big);
	big.s.size = sizeof big;
	EXPECT(jia_stats(&big.s), 0);
	EXPECT(big.more[0], 0);
	EXPECT(big.more[1], 0);
}

/* look is another thread, which sees how the main thread waits, waits itself, and lets it go on. */
static void *look(void *unused)
{
	jia_stats_t s, later;

	(void)unused;
	for (s = now(); s.seconds_waiting == 0; s = now())
		;
	do
		later = now();
	while (later.seconds_waiting < s.seconds_waiting + 0.001);
	EXPECT(later.waits, 0);
	EXPECT(later.seconds_others > 0, 0);
	jia_lock(2); /* of host 0 */
	jia_unlock(2);
	EXPECT(now().seconds_others > 0, 1);
	jia_setcv(1);
	return NULL;
}

static volatile char *memory;

/* Host 0 is the home of all pages and writes them, host 1 reads them all and writes some. */
static void pages(void)
{
	jia_stats_t s;
	int i, sum = 0;

	memory = (volatile char *)jia_alloc2p(PAGES * PAGE, 0);
	if (jiapid == 0)
		for (i = 0; i < PAGES; i++)
			memory[i * PAGE] = 1;
	s = now();
	EXPECT(s.write_faults, jiapid == 0 ? PAGES / 64 : 0); /* fresh memory comes in runs of 64 pages */
	EXPECT(s.home_pages, jiapid == 0 ? PAGES : 0);
	EXPECT(s.memory_bytes, jiapid == 0 ? PAGES * PAGE : 0);
	jia_barrier();

	if (jiapid == 1) {
		for (i = 0; i < PAGES; i++)
			sum += memory[i * PAGE];
		EXPECT(sum, PAGES);
		s = now();
		EXPECT(s.read_faults, PAGES);
		EXPECT(s.write_faults, 0);
		EXPECT(s.pages_fetched, PAGES);
		EXPECT(s.page_bytes_fetched, PAGES * PAGE);
		EXPECT(s.cached_pages, PAGES);
		EXPECT(s.messages_sent, PAGES + 1); /* one for the barrier */
		EXPECT(s.messages_received, PAGES + 1);
		EXPECT(s.message_bytes_received > PAGES * (PAGE + 64), 1);
		EXPECT(s.seconds_faulting > 0, 1);
		for (i = 0; i < WRITTEN; i++)
			memory[i * PAGE] = 2;
		s = now();
		EXPECT(s.write_faults, WRITTEN);
		EXPECT(s.twins, WRITTEN);
		EXPECT(s.diffs_sent, 0);
	}
	jia_barrier();
	s = now();
	EXPECT(s.barriers, 2);
	EXPECT(s.pages_served, jiapid == 0 ? PAGES : 0);
	EXPECT(s.diffs_sent, jiapid == 1 ? WRITTEN : 0);
	EXPECT(s.diffs_received, jiapid == 0 ? WRITTEN : 0);
	EXPECT(s.pages_invalidated, 0); /* host 1 alone wrote to pages that it has a copy of */
	EXPECT(s.diff_bytes_sent > 0, jiapid == 1);
	EXPECT(s.diff_bytes_received > 0, jiapid == 0);

	if (jiapid == 0)
		memory[0] = memory[PAGE] = 3;
	jia_barrier();
	s = now();
	EXPECT(s.pages_invalidated, jiapid == 1 ? 2 : 0);
	EXPECT(s.cached_pages, jiapid == 1 ? PAGES - 2 : 0);
}

/* Lock 1 begins at host 1, lock 2 at host 0. */
static void locks(void)
{
	jia_stats_t s;

	if (jiapid == 1) {
		jia_lock(1);
		jia_unlock(1);
		jia_lock(1);
		jia_lock(2);
		jia_unlock(2);
		jia_unlock(1);
		jia_lock(2);
		jia_unlock(2);
	}
	s = now();
	EXPECT(s.locks_local, jiapid == 1 ? 3 : 0);
	EXPECT(s.locks_remote, jiapid == 1 ? 1 : 0);
	if (jiapid == 0) /* and a lock that nobody has had yet can be got at once, too */
		EXPECT(s.seconds_locks > 0, 0);
	jia_barrier();
}

/* Host 0's main thread waits for a flag that another thread sets. */
static void threads(void)
{
	pthread_t other;

	if (jiapid == 0) {
		pthread_create(&other, NULL, look, NULL);
		jia_waitcv(1);
		pthread_join(other, NULL);
		EXPECT(now().waits, 1);
	}
	jia_wait();
	EXPECT(now().waits, jiapid == 0 ? 2 : 1);
	EXPECT(now().barriers, 4);
}

/* Messages and collective calls. A message takes as many of the library's as it has pieces of 64 KiB. */
static void passing(void)
{
	static char buf[200000];
	int peer = 1 - jiapid, in[10] = { 0 }, out[10];
	jia_stats_t earlier = now(), before, s;

	jia_wait(); /* with one message of the other host; what that sends later may be here at once */
	before = now();
	if (jiapid == 0) {
		jia_send(buf, 0, peer, 1);
		jia_send(buf, 100, peer, 1);
		jia_send(buf, sizeof buf, peer, 1);
		jia_send(buf, 50, jiapid, 1);
		jia_recv(buf, sizeof buf, jiapid, 1);
	} else {
		jia_recv(buf, sizeof buf, peer, 1);
		jia_recv(buf, sizeof buf, MSG_PROC_ALL, 1);
		jia_recv(buf, sizeof buf, peer, MSG_TAG_ALL);
	}
	s = now();
	EXPECT(s.messages_passed, jiapid == 0 ? 4 : 0);
	EXPECT(s.message_bytes_passed, jiapid == 0 ? 200150 : 0);
	EXPECT(s.messages_taken, jiapid == 0 ? 1 : 3);
	EXPECT(s.message_bytes_taken, jiapid == 0 ? 50 : 200100);
	EXPECT(s.messages_sent - before.messages_sent, jiapid == 0 ? 6 : 0);
	EXPECT(s.message_bytes_sent - before.message_bytes_sent, jiapid == 0 ? 200100 + 6 * 64 : 0);
	if (jiapid == 0) /* it had to connect */
		EXPECT(s.seconds_messages > before.seconds_messages, 1);

	jia_bcast(buf, 100000, 0);
	jia_reduce(in, out, 10, SUM_INT, 1);
	s = now();
	EXPECT(s.collectives, 2);
	EXPECT(s.collective_bytes, 100040);
	/* Two pieces of the broadcast; the operands of host 1, and the result back to it. */
	EXPECT(s.messages_sent - before.messages_sent, jiapid == 0 ? 6 + 2 + 1 : 1);
	if (jiapid == 1)
		EXPECT(s.messages_received - earlier.messages_received, 1 + 6 + 2 + 1);
}

static void windows(void)
{
	unsigned int began, ended;

	began = jia_startstat();
	EXPECT(now().barriers, 0);
	jia_barrier();
	ended = jia_stopstat();
	EXPECT(ended > began, 1);
	jia_barrier();
	EXPECT(now().barriers, 1);
	EXPECT(now().pages_fetched, 0);
	EXPECT(now().cached_pages, jiapid == 1 ? PAGES - 2 : 0);
	jia_startstat();
	jia_barrier();
}

int main(int argc, char **argv)
{
	jia_stats_t s;

	s.size = sizeof s;
	EXPECT(jia_stats(&s), -ENOTCONN);
	jia_init(argc, argv);
	if (jiahosts != 2)
		jia_error("run it on 2 hosts");
	sizes();
	pages();
	locks();
	threads();
	passing();
	windows();
	jia_exit();
	EXPECT(now().barriers, 2);
	if (jiapid == 0)
		printf("statistics: ok\n");
	return 0;
}
