/*
 * chatter - all hosts print at the same time, in pieces.
 *
 *   JIA_NPROC=8 ./chatter LINES
 *
 * Each host writes LINES lines to standard output and as many to standard error, some bytes at a time. The last line on
 * standard output has no newline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

static void in_pieces(int fd, const char *text, unsigned n)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t piece = 1 + n++ % 23;
		ssize_t written = write(fd, text, piece < left ? piece : left);
		if (written < 0)
			jia_error("write to descriptor %d failed", fd);
		text += written;
		left -= (size_t)written;
	}
}

int main(int argc, char **argv)
{
	int lines = argc > 1 ? atoi(argv[1]) : 10;
	char text[256];

	jia_init(argc, argv);
	jia_barrier();
	for (int i = 0; i < lines; i++) {
		for (int fd = 1; fd <= 2; fd++) {
			snprintf(text, sizeof text, "host %d descriptor %d line %d %.*s.\n", jiapid, fd, i, i % 100,
				"----------------------------------------------------------------------------------------------------");
			in_pieces(fd, text, (unsigned)(i + jiapid));
		}
	}
	snprintf(text, sizeof text, "host %d ends", jiapid);
	in_pieces(1, text, 3);
	jia_exit();
	return 0;
}
