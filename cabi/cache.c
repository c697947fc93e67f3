/*
 * cache.c - the calls of jia.h about the page cache.
 */
#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

int jia_cache_resize(size_t bytes)
{
	struct jia_call call;
	int status;

	jia_enter(&call);
	status = jiaGoCacheResize(bytes);
	jia_leave(&call);
	return status;
}
