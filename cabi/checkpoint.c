/* checkpoint.c - the C side of checkpoints. */
#include "calls.h"
#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

static int checkpoint(int wait)
{
	struct jia_call call;
	int result;

	jia_enter(&call);
	result = jiaGoCheckpoint(jia_caller(), wait);
	jia_leave(&call);
	return result;
}

int jia_checkpoint(void)
{
	return checkpoint(1);
}

int jia_checkpoint_start(void)
{
	return checkpoint(0);
}

int jia_checkpoint_wait(void)
{
	struct jia_call call;
	int result;

	jia_enter(&call);
	result = jiaGoCheckpointWait();
	jia_leave(&call);
	return result;
}
