/*
 * bare.c - the work without us: what two C processes pay on bare TCP sockets over loopback, and what the kernel charges
 * for the first touch of memory. The baseline of every ratio that the benchmark prints.
 *
 *   bare rtt REQUEST REPLY ROUNDS    round trips of so many bytes there and back; prints median and p99 in us
 *   bare stream BYTES ROUNDS         so many bytes in one stream, into memory that exists; prints MB/s
 *   bare touch PAGES                 first touch of a memfd's pages, one write each; prints us a page
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void move(int fd, char *buf, size_t n, int out)
{
	while (n) {
		ssize_t k = out ? send(fd, buf, n, MSG_NOSIGNAL) : recv(fd, buf, n, 0);

		if (k <= 0)
			die(out ? "send" : "recv");
		buf += k;
		n -= (size_t)k;
	}
}

static int no_delay(int fd)
{
	int one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
		die("socket");
	/* As the library has it on one machine, so that the ratios compare the same TCP. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));
	return fd;
}

/* connected returns this process's end of a TCP connection over loopback; a child process runs serve at the other one. */
static int connected(void (*serve)(int fd, const void *with), const void *with)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	if (listener < 0 || bind(listener, (void *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &len))
		die("listen");
	if (fork() == 0) {
		serve(no_delay(accept(listener, NULL, NULL)), with);
		_exit(0);
	}
	fd = no_delay(socket(AF_INET, SOCK_STREAM, 0));
	if (connect(fd, (void *)&at, len))
		die("connect");
	return fd;
}

struct plan {
	size_t request, reply;
	int rounds;
	char *memory; /* holds the longer of the two */
};

/* answer is the other process: it waits for each request and sends the reply. */
static void answer(int fd, const void *with)
{
	const struct plan *p = with;
	int i;

	for (i = 0; i < p->rounds; i++) {
		move(fd, p->memory, p->request, 0);
		move(fd, p->memory, p->reply, 1);
	}
}

/* rounds returns how long each took, in us. */
static double *rounds(size_t request, size_t reply, int count)
{
	size_t most = request > reply ? request : reply;
	struct plan p = { request, reply, count, malloc(most) };
	double *us = calloc((size_t)count, sizeof *us);
	int fd, i;

	if (!us || !p.memory)
		die("memory");
	memset(p.memory, 1, most);
	fd = connected(answer, &p);
	memset(p.memory, 2, most); /* no longer the child's */
	for (i = 0; i < count; i++) {
		double t = now_us();

		move(fd, p.memory, request, 1);
		move(fd, p.memory, reply, 0);
		us[i] = now_us() - t;
	}
	wait(NULL);
	return us;
}

static void round_trips(size_t request, size_t reply, int count)
{
	double *us = rounds(request, reply, count);

	printf("%.3f %.3f\n", quantile(us, count, 0.5), quantile(us, count, 0.99));
}

static void stream(size_t bytes, int count)
{
	double *us = rounds(64, bytes, count);
	double mbs = (double)bytes / quantile(us, count, 0.5);

	printf("%.3f %.3f\n", mbs, mbs);
}

static void touch(size_t pages)
{
	int fd = memfd_create("bare", MFD_CLOEXEC);
	char *p;
	size_t i;
	double t;

	if (fd < 0 || ftruncate(fd, (off_t)(pages * 4096)))
		die("memfd");
	p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap");
	t = now_us();
	for (i = 0; i < pages; i++)
		p[i * 4096] = 1;
	t = (now_us() - t) / (double)pages;
	printf("%.3f %.3f\n", t, t);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "rtt"))
		round_trips(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), atoi(argv[4]));
	else if (argc == 4 && !strcmp(argv[1], "stream"))
		stream(strtoul(argv[2], NULL, 10), atoi(argv[3]));
	else if (argc == 3 && !strcmp(argv[1], "touch"))
		touch(strtoul(argv[2], NULL, 10));
	else
		return 2;
	return 0;
}
