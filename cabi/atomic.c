/*
 * atomic.c - the C side of the atomic operations. The words themselves are touched in Go alone, at their homes, through their
 * addresses; what the caller expects is read and written here, since it may lie in shared memory, too.
 */
#include "calls.h"
#include "jia.h"
#include "shield.h"
#include "_cgo_export.h"

static unsigned long execute(int kind, int width, const volatile void *object, unsigned long operand, unsigned long compare)
{
	struct jia_call call;
	unsigned long old;

	jia_enter(&call);
	old = jiaGoAtomic(kind, width, (unsigned long)object, operand, compare);
	jia_leave(&call);
	return old;
}

unsigned int jia_atomic_load_u32(const volatile unsigned int *object)
{
	return (unsigned int)execute(JIA_ATOMIC_LOAD, 4, object, 0, 0);
}

unsigned long jia_atomic_load_u64(const volatile unsigned long *object)
{
	return execute(JIA_ATOMIC_LOAD, 8, object, 0, 0);
}

void jia_atomic_store_u32(volatile unsigned int *object, unsigned int desired)
{
	execute(JIA_ATOMIC_STORE, 4, object, desired, 0);
}

void jia_atomic_store_u64(volatile unsigned long *object, unsigned long desired)
{
	execute(JIA_ATOMIC_STORE, 8, object, desired, 0);
}

unsigned int jia_atomic_fetch_add_u32(volatile unsigned int *object, unsigned int operand)
{
	return (unsigned int)execute(JIA_ATOMIC_FETCH_ADD, 4, object, operand, 0);
}

unsigned long jia_atomic_fetch_add_u64(volatile unsigned long *object, unsigned long operand)
{
	return execute(JIA_ATOMIC_FETCH_ADD, 8, object, operand, 0);
}

unsigned int jia_atomic_exchange_u32(volatile unsigned int *object, unsigned int desired)
{
	return (unsigned int)execute(JIA_ATOMIC_EXCHANGE, 4, object, desired, 0);
}

unsigned long jia_atomic_exchange_u64(volatile unsigned long *object, unsigned long desired)
{
	return execute(JIA_ATOMIC_EXCHANGE, 8, object, desired, 0);
}

int jia_atomic_compare_exchange_u32(volatile unsigned int *object, unsigned int *expected, unsigned int desired)
{
	unsigned int wanted = *expected;
	unsigned int old = (unsigned int)execute(JIA_ATOMIC_COMPARE_EXCHANGE, 4, object, desired, wanted);

	if (old == wanted)
		return 1;
	*expected = old;
	return 0;
}

int jia_atomic_compare_exchange_u64(volatile unsigned long *object, unsigned long *expected, unsigned long desired)
{
	unsigned long wanted = *expected;
	unsigned long old = execute(JIA_ATOMIC_COMPARE_EXCHANGE, 8, object, desired, wanted);

	if (old == wanted)
		return 1;
	*expected = old;
	return 0;
}
