/*
 * launcher.h - libraries of launchers, loaded at run time: a program that is started otherwise needs none of them, and its
 * link line does not change. The types and numbers are those of their public, stable interfaces.
 */
#ifndef JIA_LAUNCHER_H
#define JIA_LAUNCHER_H

#include <stdint.h>

/* libmunge.so.2. Functions return 0 or a number for jia_munge_problem. */
struct jia_munge {
	void *(*ctx_create)(void);
	void (*ctx_destroy)(void *ctx);
	int (*ctx_set)(void *ctx, int option, ...);
	int (*encode)(char **credential, void *ctx, const void *data, int length);
	int (*decode)(const char *credential, void *ctx, void **data, int *length, unsigned *uid, unsigned *gid);
	const char *(*strerror)(int error);
};

const char *jia_munge_open(struct jia_munge *m); /* NULL, or what is wrong */
int jia_munge_encode(struct jia_munge *m, const char *socket, unsigned uid, const void *data, int length, char **credential);
int jia_munge_decode(struct jia_munge *m, const char *socket, const char *credential, void **data, int *length, unsigned *uid);
const char *jia_munge_problem(struct jia_munge *m, int error);

/* libpmix.so.2. Functions return 0 or a number for jia_pmix_problem. */
struct jia_pmix_process {
	char name[256];
	uint32_t rank;
};

struct jia_pmix_value {
	uint16_t type;
	union {
		_Bool flag;
		char *string;
		uint32_t uint32;
		uint64_t room[7]; /* at least that of any version */
	} data;
};

struct jia_pmix_info {
	char key[512];
	uint32_t flags;
	struct jia_pmix_value value;
};

struct jia_pmix {
	int (*init)(struct jia_pmix_process *self, struct jia_pmix_info *info, size_t n);
	int (*put)(uint8_t scope, const char *key, struct jia_pmix_value *value);
	int (*commit)(void);
	int (*fence)(const struct jia_pmix_process *who, size_t n, const struct jia_pmix_info *info, size_t ninfo);
	int (*get)(const struct jia_pmix_process *who, const char *key, const struct jia_pmix_info *info, size_t n,
		   struct jia_pmix_value **value);
	int (*finalize)(const struct jia_pmix_info *info, size_t n);
	int (*abort)(int status, const char *text, struct jia_pmix_process *who, size_t n);
	const char *(*error_string)(int error);
	struct jia_pmix_process self;
};

/*
 * A list of descriptors that children of fork close, one for each host and one for the listener. prepare is called once, before
 * the others, and returns 0 or an error number; -1 for fd frees a place. Calls of set come one at a time.
 */
enum { JIA_FORKED_MOST = 65536 + 1 };
int jia_forked_prepare(void);
void jia_forked_set(int place, int fd);

const char *jia_pmix_open(struct jia_pmix *p);			   /* NULL, or what is wrong */
int jia_pmix_start(struct jia_pmix *p, uint32_t *size);		   /* joins the launcher's processes */
int jia_pmix_put(struct jia_pmix *p, char *text);		   /* before the fence */
int jia_pmix_fence(struct jia_pmix *p);				   /* collective */
int jia_pmix_get(struct jia_pmix *p, uint32_t rank, char **text); /* after it; the caller frees the text */
int jia_pmix_end(struct jia_pmix *p);
void jia_pmix_abort(struct jia_pmix *p);
const char *jia_pmix_problem(struct jia_pmix *p, int error);

/* Shared by the two: the functions of a library by name, up to a NULL. Returns NULL, or what is wrong. */
const char *jia_load(const char *library, const char *const names[], void **functions);

#endif
