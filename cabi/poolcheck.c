/* poolcheck.c - see poolcheck.h. */
#include <stdint.h>
#include <string.h>

#include "poolcheck.h"

/* The guard is right before the object. */
struct guard {
	uint32_t state;
	uint32_t front; /* log2 of the bytes before the object */
	uint64_t size;
};

_Static_assert(sizeof(struct guard) == 16, "the guard fits before an object of any alignment");

enum {
	LIVE = 0x4c4f4f50,
	FREED = 0x44454552,
	BEHIND = 0xb5 /* each byte behind an object */
};

char *jia_guard(char *memory, size_t align, size_t size)
{
	char *object = memory + align;
	struct guard *g = (struct guard *)(void *)object - 1;

	g->state = LIVE;
	g->front = (uint32_t)__builtin_ctzl(align);
	g->size = size;
	memset(object + size, BEHIND, GUARD_BEHIND);
	return object;
}

struct jia_verdict jia_look(const char *base, size_t bytes, const char *object)
{
	const struct guard *g = (const struct guard *)(const void *)object - 1;
	struct jia_verdict v = { JIA_GUARD_BEFORE, 0, 0, 0 };
	size_t before = (size_t)(object - base), i;

	if (before < sizeof *g)
		return v;
	if (g->state == FREED) {
		v.what = JIA_GUARD_FREED;
		return v;
	}
	if (g->state != LIVE || g->front >= 64 || (size_t)1 << g->front > before || g->size > bytes || before + g->size + GUARD_BEHIND > bytes)
		return v;
	v.front = (size_t)1 << g->front;
	v.size = g->size;
	v.what = JIA_GUARD_WHOLE;
	for (i = v.size; i < v.size + GUARD_BEHIND && v.what == JIA_GUARD_WHOLE; i++)
		if ((unsigned char)object[i] != BEHIND) {
			v.what = JIA_GUARD_OVERRUN;
			v.at = i;
		}
	return v;
}

void jia_unguard(char *object)
{
	((struct guard *)(void *)object - 1)->state = FREED;
}
