/*
 * place - says where each host runs and what it reads there; the answer needs memory that all of them share.
 *
 *   place [status]                each host reads the file "input" in its working directory; host 0 exits with the status
 *   place die rank                a host is killed when the job is under way
 *   place wait                    for ever
 *   place go                      until the file "go" is there
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

/* show prints the arguments in hexadecimal digits. */
static void show(int argc, char **argv)
{
	printf("arguments");
	for (int i = 1; i < argc; i++) {
		printf(argv[i][0] ? " " : " -");
		for (const char *p = argv[i]; *p; p++)
			printf("%02x", (unsigned)*p & 0xff);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "0";
	char directory[4096], line[100] = "nothing";
	FILE *input;
	long *sum;

	jia_init(argc, argv);
	sum = (long *)jia_alloc(4096);
	jia_barrier();
	input = fopen("input", "r");
	if (input && !fgets(line, sizeof line, input))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	jia_lock(1);
	*sum += atol(line) + jiapid;
	jia_unlock(1);
	jia_barrier();
	printf("host %d of %d: directory %s, input %s, sum %ld, setting %s\n", jiapid, jiahosts, getcwd(directory, sizeof directory), line,
	       *sum, getenv("JIA_SPIN") ? getenv("JIA_SPIN") : "unset");
	if (argc > 3)
		show(argc, argv);
	if (jiapid == 0 && fgets(line, sizeof line, stdin))
		printf("host 0 was told: %s", line);
	fflush(stdout);
	jia_barrier();
	if (strcmp(what, "wait") == 0 || strcmp(what, "die") == 0) {
		if (argc > 2 && atoi(argv[2]) == jiapid)
			raise(SIGKILL);
		for (;;)
			pause();
	}
	while (strcmp(what, "go") == 0 && access("go", F_OK) != 0)
		usleep(2000);
	jia_exit();
	return jiapid == 0 ? atoi(what) : 3;
}
