/*
 * leave - the ways in which a program may end in good order.
 *
 *   JIA_NPROC=4 ./leave WAY
 *
 * WAY: a number is the status that host 0 returns from main after jia_exit; "end" calls jia_end; "main" returns 0 from main
 * without jia_exit, "exit" calls exit(0) without it; "twice" calls jia_exit twice; "late" has host 0 print long after.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	int *count;

	jia_init(argc, argv);
	count = (int *)jia_alloc(sizeof *count);
	jia_lock(0);
	++*count;
	jia_unlock(0);
	jia_barrier();
	if (*count != jiahosts)
		jia_error("%d of %d hosts counted", *count, jiahosts);
	if (jiapid != 0)
		usleep(20000 * (unsigned)jiapid); /* the last must be waited for */
	printf("host %d is done\n", jiapid);
	if (!strcmp(way, "main"))
		return 0;
	if (!strcmp(way, "exit"))
		exit(0);
	if (!strcmp(way, "end"))
		jia_end();
	else
		jia_exit();
	if (!strcmp(way, "twice"))
		jia_exit();
	if (!strcmp(way, "late") && jiapid == 0) {
		usleep(300000);
		printf("host 0 is done late\n");
	}
	return jiapid == 0 ? atoi(way) : 0;
}
