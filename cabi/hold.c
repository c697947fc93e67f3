/*
 * hold.c - the C side of fetching ahead and of holding pages for system calls.
 */
#include <stddef.h>

#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

void jia_prefetch(const void *start, size_t size)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoPrefetch((size_t)start, size);
	jia_leave(&call);
}

int jia_pin_range(void *start, size_t size)
{
	struct jia_call call;
	int err;

	jia_enter(&call);
	err = jiaGoPin((size_t)start, size);
	jia_leave(&call);
	return err;
}

int jia_unpin_range(void *start, size_t size)
{
	struct jia_call call;
	int err;

	jia_enter(&call);
	err = jiaGoUnpin((size_t)start, size);
	jia_leave(&call);
	return err;
}
