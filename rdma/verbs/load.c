//go:build rdma

// The RDMA libraries, loaded when they are first wanted: a program with this in it runs on machines without them.
#include "table.h"

#include <dlfcn.h>
#include <fcntl.h>

struct jv_table jv_lib;

const char *jv_load(void)
{
	void *verbs = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL);
	void *cm = verbs ? dlopen("librdmacm.so.1", RTLD_NOW | RTLD_LOCAL) : NULL;
	if (!cm)
		return dlerror();
#define VERBS_SYMBOL(name) if (!(jv_lib.name = (__typeof__(jv_lib.name))dlsym(verbs, #name))) return dlerror();
#define CM_SYMBOL(name) if (!(jv_lib.name = (__typeof__(jv_lib.name))dlsym(cm, #name))) return dlerror();
	VERBS(VERBS_SYMBOL)
	CM(CM_SYMBOL)
	// Before Linux 5.12 a fork of the program would leave the parent with copies of the queues, of which the device knows nothing. Later it
	// does nothing. It fails where the program has registered memory before, and then the choice was the program's.
	jv_lib.ibv_fork_init();
	return NULL;
}

int jv_unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? failed(-1) : 0;
}

