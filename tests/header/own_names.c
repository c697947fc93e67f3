/*
 * A program that has uses of its own for names that the header knows too: its own hostc, jia_pid and ON; and for jia_,
 * which to FORTRAN is the common block of jiapid and jiahosts. It has to compile, and to link without a clash.
 */
#define ON 7
#include "jia.h"

int hostc = 3;
int jia_pid;
char jia_[2] = "!";

static int count(int hostc)
{
	int jia_pid = ON;
	return hostc + jia_pid;
}

int main(int argc, char **argv)
{
	jia_init(argc, argv);
	if (count(4) != 11 || hostc != 3 || jia_pid != 0 || jia_[0] != '!' || jia_[1] != 0)
		jia_error("the program's own variables were taken");
	jia_end();
	return 0;
}
