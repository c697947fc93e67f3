/* munge.c - calls of libmunge.so.2. */
#include <stddef.h>
#include <string.h>

#include "launcher.h"

enum { OPTION_SOCKET = 8, OPTION_UID_RESTRICTION = 9 }; /* MUNGE_OPT_... of munge.h */
enum { SNAFU = 1 };					 /* EMUNGE_SNAFU */

const char *jia_munge_open(struct jia_munge *m)
{
	static const char *const names[] = { "munge_ctx_create", "munge_ctx_destroy", "munge_ctx_set",
					     "munge_encode", "munge_decode", "munge_strerror", NULL };
	void *functions[6];
	const char *problem = jia_load("libmunge.so.2", names, functions);

	if (!problem)
		memcpy(m, functions, sizeof functions);
	return problem;
}

/* context returns a new context, NULL if there is no memory. */
static void *context(struct jia_munge *m, const char *socket)
{
	void *ctx = m->ctx_create();

	if (ctx && *socket && m->ctx_set(ctx, OPTION_SOCKET, socket) != 0) {
		m->ctx_destroy(ctx);
		ctx = NULL;
	}
	return ctx;
}

int jia_munge_encode(struct jia_munge *m, const char *socket, unsigned uid, const void *data, int length, char **credential)
{
	void *ctx = context(m, socket);
	int error;

	if (!ctx)
		return SNAFU;
	error = m->ctx_set(ctx, OPTION_UID_RESTRICTION, uid);
	if (!error)
		error = m->encode(credential, ctx, data, length);
	m->ctx_destroy(ctx);
	return error;
}

int jia_munge_decode(struct jia_munge *m, const char *socket, const char *credential, void **data, int *length, unsigned *uid)
{
	void *ctx = context(m, socket);
	unsigned gid;
	int error;

	if (!ctx)
		return SNAFU;
	error = m->decode(credential, ctx, data, length, uid, &gid);
	m->ctx_destroy(ctx);
	return error;
}

const char *jia_munge_problem(struct jia_munge *m, int error)
{
	return m->strerror(error);
}
