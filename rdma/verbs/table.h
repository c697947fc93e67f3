// The functions of the libraries, found at run time. For the C files here.
#ifndef JIA_VERBS_TABLE_H
#define JIA_VERBS_TABLE_H

#include "lib.h"

#include <errno.h>
#include <string.h>

// Macros of the header with the names of functions that are meant here.
#undef ibv_get_device_list
#undef ibv_query_port
#undef ibv_reg_mr

#define VERBS(X) \
	X(ibv_fork_init) X(ibv_get_device_list) X(ibv_free_device_list) X(ibv_get_device_name) X(ibv_open_device) X(ibv_close_device) \
	X(ibv_query_device) X(ibv_query_port) X(ibv_alloc_pd) X(ibv_dealloc_pd) X(ibv_reg_mr) X(ibv_dereg_mr) \
	X(ibv_create_comp_channel) X(ibv_destroy_comp_channel) X(ibv_get_cq_event) X(ibv_ack_cq_events) \
	X(ibv_create_cq) X(ibv_destroy_cq) X(ibv_create_srq) X(ibv_destroy_srq) \
	X(ibv_create_qp) X(ibv_modify_qp) X(ibv_destroy_qp)

#define CM(X) \
	X(rdma_create_event_channel) X(rdma_destroy_event_channel) X(rdma_get_cm_event) X(rdma_ack_cm_event) X(rdma_event_str) \
	X(rdma_create_id) X(rdma_destroy_id) X(rdma_bind_addr) X(rdma_listen) X(rdma_resolve_addr) X(rdma_resolve_route) \
	X(rdma_set_option) X(rdma_connect) X(rdma_accept) X(rdma_reject) X(rdma_disconnect) X(rdma_migrate_id) X(rdma_create_qp) \
	X(rdma_destroy_qp) X(rdma_init_qp_attr)

// The table has a field for each, of the same name.
struct jv_table {
#define FIELD(name) __typeof__(name) *name;
	VERBS(FIELD) CM(FIELD)
#undef FIELD
};
extern struct jv_table jv_lib;

// failed turns "-1 and errno", or an error number, into our way to say it.
static inline int failed(int rc)
{
	if (rc == 0)
		return 0;
	if (rc > 0)
		return -rc;
	return errno ? -errno : -EIO;
}

static inline int created(void *object)
{
	return object ? 0 : failed(-1);
}

int jv_unblock(int fd); // makes it close on exec, too

#endif
