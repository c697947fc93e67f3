/*
 * message.c - the C side of jia_send, jia_recv and the collective calls.
 *
 * The program's buffers may lie in shared memory, and only a thread of the program may touch that, in C: a page that is not
 * here is then fetched as usual, where a system call would fail. So data passes through a private buffer, piece by piece.
 */
#include <stdlib.h>
#include <string.h>

#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

enum {
	SMALL = 4096,  /* bytes of a buffer on the stack */
	PIECE = 65536, /* bytes of one that is not; whole operands of jia_reduce fit into either */
};

/* A stage is that private buffer. */
struct stage {
	char *at;
	size_t size;
	char small[SMALL];
};

static void open_stage(struct stage *s, const char *call, size_t len)
{
	s->at = s->small;
	s->size = SMALL;
	if (len > SMALL) {
		s->size = PIECE;
		s->at = malloc(PIECE);
		if (!s->at)
			jia_error("%s: no memory for a buffer of %d bytes", call, PIECE);
	}
}

static void close_stage(struct stage *s)
{
	if (s->at != s->small)
		free(s->at);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* check_buffer ends the job when a buffer cannot be one. A negative int arrives here as a huge size_t. */
static void check_buffer(char *call, const void *buf, size_t len)
{
	struct jia_call in;

	if ((long)len >= 0 && (buf || len == 0))
		return;
	jia_enter(&in);
	jiaGoBadBuffer(call, (long)len);
	jia_leave(&in);
}

void jia_send(const void *buf, size_t len, int to, int tag)
{
	struct jia_call call;
	struct stage s;
	size_t done = 0, n;
	unsigned long number = 0;

	check_buffer("jia_send", buf, len);
	open_stage(&s, "jia_send", len);
	do {
		n = least(len - done, s.size);
		if (n)
			memcpy(s.at, (const char *)buf + done, n);
		jia_enter(&call);
		number = jiaGoSend(s.at, n, len, number, to, tag);
		jia_leave(&call);
		done += n;
	} while (done < len);
	close_stage(&s);
}

long jia_recv(void *buf, size_t len, int from, int tag)
{
	struct jia_call call;
	struct stage s;
	size_t total = 0, done = 0, n;
	unsigned long message;

	check_buffer("jia_recv", buf, len);
	open_stage(&s, "jia_recv", len);
	jia_enter(&call);
	message = jiaGoRecv(s.at, s.size, len, from, tag, &total);
	jia_leave(&call);
	for (;;) {
		n = least(total - done, s.size);
		if (n)
			memcpy((char *)buf + done, s.at, n);
		done += n;
		if (done == total)
			break;
		jia_enter(&call);
		jiaGoRead(message, s.at, least(total - done, s.size));
		jia_leave(&call);
	}
	close_stage(&s);
	return (long)total;
}

void jia_bcast(void *buf, size_t len, int root)
{
	struct jia_call call;
	struct stage s;
	size_t done = 0, n;

	check_buffer("jia_bcast", buf, len);
	open_stage(&s, "jia_bcast", len);
	do {
		n = least(len - done, s.size);
		if (n && jiapid == root)
			memcpy(s.at, (char *)buf + done, n);
		jia_enter(&call);
		jiaGoBcast(s.at, n, len, root);
		jia_leave(&call);
		if (n && jiapid != root)
			memcpy((char *)buf + done, s.at, n);
		done += n;
	} while (done < len);
	close_stage(&s);
}

void jia_reduce(const void *snd, void *rcv, size_t cnt, int op, int root)
{
	struct jia_call call;
	struct stage s;
	size_t len, done = 0, n;

	jia_enter(&call);
	len = jiaGoOperands(cnt, op); /* does not return for what cannot be */
	jia_leave(&call);
	check_buffer("jia_reduce", snd, len);
	if (jiapid == root)
		check_buffer("jia_reduce", rcv, len);
	open_stage(&s, "jia_reduce", len);
	do {
		n = least(len - done, s.size);
		if (n)
			memcpy(s.at, (const char *)snd + done, n);
		jia_enter(&call);
		jiaGoReduce(s.at, n, len, op, root);
		jia_leave(&call);
		if (n && jiapid == root)
			memcpy((char *)rcv + done, s.at, n);
		done += n;
	} while (done < len);
	close_stage(&s);
}

void jia_divtask(int *begin, int *end)
{
	struct jia_call call;
	int first = *begin, last = *end;

	jia_enter(&call);
	jiaGoDivide(&first, &last);
	jia_leave(&call);
	*begin = first;
	*end = last;
}

void jia_loadcheck(void)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoLoadCheck();
	jia_leave(&call);
}

void jia_config(int what, int on)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoConfig(what, on);
	jia_leave(&call);
}
