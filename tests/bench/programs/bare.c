/*
 * bare.c - the work without us: what two C processes pay on bare TCP sockets over loopback, and what the kernel charges
 * for the first touch of memory. The baseline of every ratio that the benchmark prints.
 *
 *   bare rtt REQUEST REPLY ROUNDS    round trips of so many bytes there and back; prints median and p99 in us
 *   bare stream BYTES TIMES          so many bytes in one direction; prints median and best in MB/s
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
	return fd;
}

/* connected makes two processes with a connection between them; the child gets 0 in *parent. */
static int connected(int *parent)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

	if (listener < 0 || bind(listener, (void *)&at, len) || listen(listener, 1) || getsockname(listener, (void *)&at, &len))
		die("listen");
	*parent = fork() != 0;
	if (!*parent)
		return no_delay(accept(listener, NULL, NULL));
	fd = no_delay(socket(AF_INET, SOCK_STREAM, 0));
	if (connect(fd, (void *)&at, len))
		die("connect");
	return fd;
}

static void round_trips(size_t request, size_t reply, int rounds)
{
	static char buf[1 << 16];
	int parent, fd = connected(&parent), i;
	double *us = calloc((size_t)rounds, sizeof *us);

	if (!us)
		die("calloc");
	for (i = 0; i < rounds; i++) {
		double t = now_us();

		move(fd, buf, request, parent);
		move(fd, buf, reply, !parent);
		us[i] = now_us() - t;
	}
	if (!parent)
		_exit(0);
	wait(NULL);
	printf("%.3f %.3f\n", quantile(us, rounds, 0.5), quantile(us, rounds, 0.99));
}

/* The receiver says when it has all of them. */
static void stream(size_t bytes, int times)
{
	char *buf = malloc(bytes), word = 0;
	int parent, fd = connected(&parent), i;
	double *mbs = calloc((size_t)times, sizeof *mbs);

	if (!buf || !mbs)
		die("malloc");
	memset(buf, 1, bytes);
	for (i = 0; i < times; i++) {
		double t = now_us();

		move(fd, buf, bytes, parent);
		move(fd, &word, 1, !parent);
		mbs[i] = (double)bytes / (now_us() - t);
	}
	if (!parent)
		_exit(0);
	wait(NULL);
	printf("%.3f %.3f\n", quantile(mbs, times, 0.5), quantile(mbs, times, 1));
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
