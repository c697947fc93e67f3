/*
 * backend - print which fault backend the library has chosen, by what the kernel says of the shared memory.
 *
 *   ./backend
 */
#include <stdio.h>
#include <string.h>

#include "jia.h"

int main(int argc, char **argv)
{
	unsigned long memory, begin, end;
	int here = 0, registered = 0;
	char line[512];
	FILE *f;

	jia_init(argc, argv);
	memory = jia_alloc(1 << 20);
	jia_barrier();
	((volatile char *)memory)[jiapid * 4096] = 1;
	f = fopen("/proc/self/smaps", "r");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = begin < memory + (1 << 20) && end > memory;
		/* um, uw, ui: registered for missing, write-protect and minor faults */
		if (here && !strncmp(line, "VmFlags:", 8) && (strstr(line, " um") || strstr(line, " uw") || strstr(line, " ui")))
			registered = 1;
	}
	if (f)
		fclose(f);
	jia_barrier();
	if (jiapid == 0)
		printf("backend: %s\n", registered ? "uffd" : "mprotect");
	jia_exit();
	return 0;
}
