/*
 * surroundings - what each host was given: arguments, environment, working directory, standard input.
 *
 *   echo text | JIA_NPROC=4 ./surroundings [-a value] [-c list] [argument ...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jia.h"

extern char **environ;

int main(int argc, char **argv)
{
	char directory[4096], input[100];
	int option, options = 0;
	size_t n;

	/* Before jia_init, and so that getopt reorders argv and strtok cuts it up: the others must still see the original. */
	while ((option = getopt(argc, argv, "a:c:")) != -1) {
		options += option == 'a';
		if (option == 'c')
			strtok(optarg, ",");
	}
	jia_init(argc, argv);

	for (int i = 1; i < argc; i++)
		printf("host %d: argument %d is <%s>\n", jiapid, i, argv[i]);
	printf("host %d: %d option(s), the first other argument is %d\n", jiapid, options, optind);
	for (char **e = environ; *e; e++)
		printf("host %d: environment %s\n", jiapid, *e);
	printf("host %d: directory %s\n", jiapid, getcwd(directory, sizeof directory));
	n = fread(input, 1, sizeof input - 1, stdin);
	input[n] = 0;
	printf("host %d: input <%s>\n", jiapid, input);
	jia_exit();
	return 0;
}
