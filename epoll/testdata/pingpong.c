/*
 * The bare socket work of a remote page fetch: a request of 64 bytes, a header of 64 bytes and 4 KiB in reply, between
 * two processes over TCP loopback, blocking. Prints the median round trip in microseconds.
 *
 * usage: pingpong ROUNDS
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 64, PAGE = 4096 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("setsockopt");
}

/* receive takes exactly the header and, when it is not NULL, the page. 0 at the end of the stream. */
static int receive(int fd, char *header, char *page)
{
	struct iovec iov[2] = { { header, HEADER }, { page, page ? PAGE : 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = page ? 2 : 1 };
	size_t got = 0, want = HEADER + iov[1].iov_len;

	while (got < want) {
		ssize_t n = recvmsg(fd, &msg, MSG_WAITALL);

		if (n <= 0)
			return 0;
		got += (size_t)n;
		if (got < want) /* a signal came between: not worth more code in a benchmark */
			die("short read");
	}
	return 1;
}

static void serve(int fd)
{
	static char request[HEADER], page[PAGE];
	char header[HEADER] = "page";
	struct iovec iov[2] = { { header, HEADER }, { page, PAGE } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	while (receive(fd, request, NULL))
		if (sendmsg(fd, &msg, MSG_NOSIGNAL) != HEADER + PAGE)
			die("sendmsg");
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
	int rounds = argc == 2 ? atoi(argv[1]) : 0;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double *took = calloc((size_t)(rounds > 0 ? rounds : 1), sizeof *took);
	static char request[HEADER], header[HEADER], page[PAGE];

	if (rounds <= 0 || !took) {
		fprintf(stderr, "usage: pingpong ROUNDS\n");
		return 2;
	}
	if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&sa, &len) < 0)
		die("listen");
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("accept");
		nodelay(fd);
		serve(fd);
		return 0;
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		die("connect");
	nodelay(fd);
	for (int i = 0; i < rounds; i++) {
		struct timespec from, to;

		clock_gettime(CLOCK_MONOTONIC, &from);
		if (send(fd, request, HEADER, MSG_NOSIGNAL) != HEADER || !receive(fd, header, page))
			die("round trip");
		clock_gettime(CLOCK_MONOTONIC, &to);
		took[i] = (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
	}
	close(fd);
	wait(NULL);
	qsort(took, (size_t)rounds, sizeof *took, by_value);
	printf("%.2f\n", took[rounds / 2]);
	return 0;
}
