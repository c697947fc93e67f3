/*
 * bare.c - the work without us: what two C processes pay on bare TCP sockets over loopback, and what the kernel charges
 * for the first touch of memory. The baseline of every ratio that the benchmark prints.
 *
 *   bare rtt REQUEST REPLY ROUNDS    round trips of so many bytes there and back; prints median and p99 in us
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

static void round_trips(size_t request, size_t reply, int rounds)
{
	static char buf[1 << 16];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, i;
	double *us = calloc((size_t)rounds, sizeof *us);

	if (!us || listener < 0 || bind(listener, (void *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &len))
		die("listen");
	if (fork() == 0) {
		fd = no_delay(accept(listener, NULL, NULL));
		for (i = 0; i < rounds; i++) {
			move(fd, buf, request, 0);
			move(fd, buf, reply, 1);
		}
		_exit(0);
	}
	fd = no_delay(socket(AF_INET, SOCK_STREAM, 0));
	if (connect(fd, (void *)&at, len))
		die("connect");
	for (i = 0; i < rounds; i++) {
		double t = now_us();

		move(fd, buf, request, 1);
		move(fd, buf, reply, 0);
		us[i] = now_us() - t;
	}
	wait(NULL);
	printf("%.3f %.3f\n", quantile(us, rounds, 0.5), quantile(us, rounds, 0.99));
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
	else if (argc == 3 && !strcmp(argv[1], "touch"))
		touch(strtoul(argv[2], NULL, 10));
	else
		return 2;
	return 0;
}
