/* locks.c - the C side of the locks that do not wait, and of those for readers and writers. */
#include <errno.h>

#include "calls.h"
#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

int jia_trylock(int lockid)
{
	struct jia_call call;
	int entered;

	jia_enter(&call);
	entered = jiaGoTryLock(jia_caller(), lockid);
	jia_leave(&call);
	return entered ? 0 : -EBUSY;
}

static int rwlock(int rwlockid, int mode)
{
	struct jia_call call;
	int entered;

	jia_enter(&call);
	entered = jiaGoRWLock(jia_caller(), rwlockid, mode);
	jia_leave(&call);
	return entered ? 0 : -EBUSY;
}

void jia_rwlock_rdlock(int rwlockid)
{
	rwlock(rwlockid, JIA_RW_READ);
}

void jia_rwlock_wrlock(int rwlockid)
{
	rwlock(rwlockid, JIA_RW_WRITE);
}

int jia_rwlock_tryrdlock(int rwlockid)
{
	return rwlock(rwlockid, JIA_RW_READ | JIA_RW_TRY);
}

int jia_rwlock_trywrlock(int rwlockid)
{
	return rwlock(rwlockid, JIA_RW_WRITE | JIA_RW_TRY);
}

void jia_rwlock_unlock(int rwlockid)
{
	struct jia_call call;

	jia_enter(&call);
	jiaGoRWUnlock(jia_caller(), rwlockid);
	jia_leave(&call);
}
