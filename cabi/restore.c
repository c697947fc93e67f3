/* restore.c - the C side of what a restored run asks for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

int jia_restored(void)
{
	struct jia_call call;
	int generation;

	jia_enter(&call);
	generation = jiaGoRestored();
	jia_leave(&call);
	return generation;
}

int jia_checkpoint_register(void *addr, size_t size, const char *name)
{
	struct jia_call call;
	void *stored = NULL;
	int result;

	if (!name || (!addr && size))
		return -EINVAL;
	jia_enter(&call);
	result = jiaGoRegister(addr, size, (char *)name, &stored);
	jia_leave(&call);
	if (result > 0 && size)
		memcpy(addr, stored, size);
	free(stored);
	return result;
}
