/*
 * A bare stream: one process sends BYTES over TCP loopback, from memory that is there, and another one receives them into
 * memory that is there, ROUNDS times with nothing in between but a request of 64 bytes. Prints the median in MB/s.
 *
 * usage: stream BYTES ROUNDS
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 64 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void tune(int fd)
{
	int on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("socket");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno")); /* the fastest one here, as the library has it */
}

/* move sends or receives all of buf. */
static void move(int fd, char *buf, size_t left, int out)
{
	while (left > 0) {
		ssize_t n = out ? send(fd, buf, left, MSG_NOSIGNAL) : recv(fd, buf, left, 0);

		if (n <= 0)
			die(out ? "send" : "recv");
		buf += n;
		left -= (size_t)n;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sa;
	size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	int rounds = argc == 3 ? atoi(argv[2]) : 0;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *memory = malloc(bytes), request[REQUEST] = "";
	double *mbs = calloc((size_t)(rounds > 0 ? rounds : 1), sizeof *mbs);

	if (bytes == 0 || rounds <= 0 || !memory || !mbs) {
		fprintf(stderr, "usage: stream BYTES ROUNDS\n");
		return 2;
	}
	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&sa, &len) < 0)
		die("listen");
	pid_t child = fork();

	if (child < 0)
		die("fork");
	memset(memory, 1, bytes);
	if (child == 0) {
		int fd = accept(listener, NULL, NULL);

		tune(fd);
		for (int i = 0; i < rounds; i++) {
			move(fd, request, REQUEST, 0);
			move(fd, memory, bytes, 1);
		}
		return 0;
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tune(fd);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		die("connect");
	for (int i = 0; i < rounds; i++) {
		struct timespec from, to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		move(fd, request, REQUEST, 1);
		move(fd, memory, bytes, 0);
		clock_gettime(CLOCK_MONOTONIC, &to);
		mbs[i] = (double)bytes / ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3);
	}
	close(fd);
	wait(NULL);
	qsort(mbs, (size_t)rounds, sizeof *mbs, by_value);
	printf("%.0f\n", mbs[rounds / 2]);
	return 0;
}
