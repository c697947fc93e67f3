/*
 * parts.h - structures of jia.h that begin with their size, so that programs and libraries of different versions, of which one
 * knows members at the end that the other does not, understand each other.
 */
#ifndef JIA_PARTS_H
#define JIA_PARTS_H

#include <stddef.h>
#include <string.h>

enum { PART_MOST = 65536 }; /* bytes; a larger size was never set */

/* part_fits tells whether a structure of the caller has a size that can be: least is that of the oldest version. */
static inline int part_fits(const void *given, size_t least)
{
	size_t size;

	if (!given)
		return 0;
	memcpy(&size, given, sizeof size);
	return size >= least && size <= PART_MOST;
}

/*
 * part_read copies as much as there is of what the caller wants, of known bytes that this library knows, and leaves the rest
 * zero, as NULL does. It returns 0 where the size cannot be, and where the caller wants something that this library does not know.
 */
static inline int part_read(void *to, size_t known, const void *given, size_t least)
{
	const char *more = (const char *)given;
	size_t size, i;

	memset(to, 0, known);
	if (!given)
		return 1;
	if (!part_fits(given, least))
		return 0;
	memcpy(&size, given, sizeof size);
	memcpy(to, given, size < known ? size : known);
	for (i = known; i < size; i++)
		if (more[i])
			return 0;
	return 1;
}

/* part_fill fills a structure that fits with so many bytes of numbers, as far as it goes, and zeros behind them. */
static inline void part_fill(void *out, const unsigned long *words, size_t bytes)
{
	char *members = (char *)out + sizeof(size_t);
	size_t size;

	memcpy(&size, out, sizeof size);
	size -= sizeof size;
	memset(members, 0, size);
	memcpy(members, words, size < bytes ? size : bytes);
}

#endif
