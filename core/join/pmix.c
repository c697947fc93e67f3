/* pmix.c - calls of libpmix.so.2, the client side of PMIx versions 2 to 5. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "launcher.h"

enum { TYPE_BOOL = 1, TYPE_STRING = 3, TYPE_UINT32 = 14 }; /* of pmix_data_type_t */
enum { SCOPE_GLOBAL = 3 };				    /* of pmix_scope_t */
enum { NOT_FOUND = -46 };				    /* PMIX_ERR_NOT_FOUND */
#define RANK_WILDCARD (UINT32_MAX - 1)

static const char key[] = "jia.root";

const char *jia_pmix_open(struct jia_pmix *p)
{
	static const char *const names[] = { "PMIx_Init", "PMIx_Put", "PMIx_Commit", "PMIx_Fence", "PMIx_Get",
					     "PMIx_Finalize", "PMIx_Abort", "PMIx_Error_string", NULL };
	void *functions[8];
	const char *problem = jia_load("libpmix.so.2", names, functions);

	if (!problem)
		memcpy(p, functions, sizeof functions);
	return problem;
}

/* get fetches a value of the given type. */
static int get(struct jia_pmix *p, uint32_t rank, const char *name, int type, struct jia_pmix_value **value)
{
	struct jia_pmix_process who = p->self;
	int error;

	who.rank = rank;
	error = p->get(&who, name, NULL, 0, value);
	if (!error && (*value)->type != type) {
		free(*value);
		error = NOT_FOUND;
	}
	return error;
}

int jia_pmix_start(struct jia_pmix *p, uint32_t *size)
{
	struct jia_pmix_value *value;
	int error = p->init(&p->self, NULL, 0);

	if (error)
		return error;
	error = get(p, RANK_WILDCARD, "pmix.job.size", TYPE_UINT32, &value);
	if (!error) {
		*size = value->data.uint32;
		free(value);
	}
	return error;
}

int jia_pmix_put(struct jia_pmix *p, char *text)
{
	struct jia_pmix_value value = { .type = TYPE_STRING, .data.string = text };

	return p->put(SCOPE_GLOBAL, key, &value);
}

int jia_pmix_fence(struct jia_pmix *p)
{
	struct jia_pmix_info collect = { .key = "pmix.collect", .value = { .type = TYPE_BOOL, .data.flag = 1 } };
	int error = p->commit();

	return error ? error : p->fence(NULL, 0, &collect, 1);
}

int jia_pmix_get(struct jia_pmix *p, uint32_t rank, char **text)
{
	struct jia_pmix_value *value;
	int error = get(p, rank, key, TYPE_STRING, &value);

	if (!error) {
		*text = value->data.string;
		free(value);
	}
	return error;
}

int jia_pmix_end(struct jia_pmix *p)
{
	return p->finalize(NULL, 0);
}

void jia_pmix_abort(struct jia_pmix *p)
{
	p->abort(1, "a host could not join the job", NULL, 0);
}

const char *jia_pmix_problem(struct jia_pmix *p, int error)
{
	return p->error_string(error);
}
