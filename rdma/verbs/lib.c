//go:build rdma

// The RDMA libraries, loaded when they are first wanted: a program with this in it runs on machines without them. What
// verbs.h defines inline (poll, post, notify) goes through the device's own table and needs no symbol.
#include "lib.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

// Macros of the header with the names of functions that are meant here.
#undef ibv_get_device_list
#undef ibv_query_port
#undef ibv_reg_mr

#define VERBS(X) \
	X(ibv_get_device_list) X(ibv_free_device_list) X(ibv_get_device_name) X(ibv_open_device) X(ibv_close_device) \
	X(ibv_query_device) X(ibv_query_port) X(ibv_alloc_pd) X(ibv_dealloc_pd) X(ibv_reg_mr) X(ibv_dereg_mr) \
	X(ibv_create_comp_channel) X(ibv_destroy_comp_channel) X(ibv_get_cq_event) X(ibv_ack_cq_events) \
	X(ibv_create_cq) X(ibv_destroy_cq) X(ibv_create_srq) X(ibv_destroy_srq) \
	X(ibv_create_qp) X(ibv_modify_qp) X(ibv_destroy_qp)

#define CM(X) \
	X(rdma_create_event_channel) X(rdma_destroy_event_channel) X(rdma_get_cm_event) X(rdma_ack_cm_event) X(rdma_event_str) \
	X(rdma_create_id) X(rdma_destroy_id) X(rdma_bind_addr) X(rdma_listen) X(rdma_resolve_addr) X(rdma_resolve_route) \
	X(rdma_set_option) X(rdma_connect) X(rdma_accept) X(rdma_reject) X(rdma_disconnect) X(rdma_migrate_id) X(rdma_create_qp) \
	X(rdma_destroy_qp) X(rdma_init_qp_attr)

static struct {
#define FIELD(name) __typeof__(name) *name;
	VERBS(FIELD) CM(FIELD)
} lib;

const char *jv_load(void)
{
	void *verbs = dlopen("libibverbs.so.1", RTLD_NOW | RTLD_LOCAL);
	void *cm = verbs ? dlopen("librdmacm.so.1", RTLD_NOW | RTLD_LOCAL) : NULL;
	if (!cm)
		return dlerror();
#define VERBS_SYMBOL(name) if (!(lib.name = (__typeof__(lib.name))dlsym(verbs, #name))) return dlerror();
#define CM_SYMBOL(name) if (!(lib.name = (__typeof__(lib.name))dlsym(cm, #name))) return dlerror();
	VERBS(VERBS_SYMBOL)
	CM(CM_SYMBOL)
	return NULL;
}

// failed turns "-1 and errno", or an error number, into our way to say it.
static int failed(int rc)
{
	if (rc == 0)
		return 0;
	if (rc > 0)
		return -rc;
	return errno ? -errno : -EIO;
}

static int created(void *object)
{
	return object ? 0 : failed(-1);
}

static int query_port(struct ibv_context *c, uint8_t port, struct ibv_port_attr *a)
{
	memset(a, 0, sizeof *a);
	return failed(lib.ibv_query_port(c, port, (struct _compat_ibv_port_attr *)a));
}

int jv_ports(struct jv_port *out, int most)
{
	int devices = 0, n = 0;
	struct ibv_device **list = lib.ibv_get_device_list(&devices);
	if (!list)
		return errno == ENOSYS ? 0 : failed(-1);
	for (int i = 0; i < devices; i++) {
		struct ibv_context *c = lib.ibv_open_device(list[i]);
		struct ibv_device_attr d;
		struct ibv_port_attr p;
		if (!c)
			continue;
		if (lib.ibv_query_device(c, &d) == 0) {
			for (int port = 1; port <= d.phys_port_cnt && n < most; port++) {
				if (query_port(c, (uint8_t)port, &p))
					continue;
				struct jv_port *o = &out[n++];
				memset(o, 0, sizeof *o);
				strncpy(o->device, lib.ibv_get_device_name(list[i]), sizeof o->device - 1);
				o->port = port;
				o->state = (int)p.state;
				o->active = p.state == IBV_PORT_ACTIVE;
				o->ethernet = p.link_layer == IBV_LINK_LAYER_ETHERNET;
			}
		}
		lib.ibv_close_device(c);
	}
	lib.ibv_free_device_list(list);
	return n;
}

int jv_limits(struct ibv_context *c, struct jv_limits *out)
{
	struct ibv_device_attr d;
	int rc = failed(lib.ibv_query_device(c, &d));
	if (rc == 0) {
		int depth = d.max_qp_rd_atom < d.max_qp_init_rd_atom ? d.max_qp_rd_atom : d.max_qp_init_rd_atom;
		*out = (struct jv_limits){d.max_qp_wr, d.max_cqe, d.max_srq_wr, depth};
	}
	return rc;
}

int jv_port_active(struct rdma_cm_id *id)
{
	struct ibv_port_attr p;
	int rc = query_port(id->verbs, id->port_num, &p);
	return rc ? rc : p.state == IBV_PORT_ACTIVE;
}

static int unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? failed(-1) : 0;
}

int jv_channel(struct rdma_event_channel **out)
{
	*out = lib.rdma_create_event_channel();
	return *out ? unblock((*out)->fd) : failed(-1);
}

void jv_channel_free(struct rdma_event_channel *ch)
{
	lib.rdma_destroy_event_channel(ch);
}

int jv_event(struct rdma_event_channel *ch, struct jv_event *out)
{
	struct rdma_cm_event *e;
	if (lib.rdma_get_cm_event(ch, &e))
		return failed(-1);
	*out = (struct jv_event){.id = e->id, .listener = e->listen_id, .type = (int)e->event, .status = e->status};
	out->length = e->param.conn.private_data_len;
	if (out->length)
		memcpy(out->data, e->param.conn.private_data, (size_t)out->length);
	return failed(lib.rdma_ack_cm_event(e));
}

const char *jv_event_name(int type)
{
	return lib.rdma_event_str((enum rdma_cm_event_type)type);
}

int jv_id(struct rdma_event_channel *ch, struct rdma_cm_id **out)
{
	return failed(lib.rdma_create_id(ch, out, NULL, RDMA_PS_TCP));
}

int jv_id_free(struct rdma_cm_id *id)
{
	return failed(lib.rdma_destroy_id(id));
}

static struct sockaddr *address(const struct jv_address *a, struct sockaddr_storage *s)
{
	memset(s, 0, sizeof *s);
	if (a->v6) {
		struct sockaddr_in6 *to = (struct sockaddr_in6 *)s;
		to->sin6_family = AF_INET6;
		to->sin6_port = htons(a->port);
		to->sin6_scope_id = a->scope;
		memcpy(&to->sin6_addr, a->ip, 16);
	} else {
		struct sockaddr_in *to = (struct sockaddr_in *)s;
		to->sin_family = AF_INET;
		to->sin_port = htons(a->port);
		memcpy(&to->sin_addr, a->ip, 4);
	}
	return (struct sockaddr *)s;
}

int jv_bind(struct rdma_cm_id *id, const struct jv_address *a)
{
	struct sockaddr_storage s;
	return failed(lib.rdma_bind_addr(id, address(a, &s)));
}

int jv_listen(struct rdma_cm_id *id, int backlog)
{
	return failed(lib.rdma_listen(id, backlog));
}

int jv_resolve(struct rdma_cm_id *id, const struct jv_address *from, const struct jv_address *to, int ms)
{
	struct sockaddr_storage f, t;
	return failed(lib.rdma_resolve_addr(id, address(from, &f), address(to, &t), ms));
}

int jv_route(struct rdma_cm_id *id, int ms)
{
	return failed(lib.rdma_resolve_route(id, ms));
}

int jv_timeout(struct rdma_cm_id *id, int exponent)
{
	uint8_t value = (uint8_t)exponent;
	return failed(lib.rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &value, sizeof value));
}

static struct rdma_conn_param parameters(const void *data, int length, int rd_atomic)
{
	return (struct rdma_conn_param){
		.private_data = data, .private_data_len = (uint8_t)length,
		.responder_resources = (uint8_t)rd_atomic, .initiator_depth = (uint8_t)rd_atomic,
		.retry_count = 7, .rnr_retry_count = 7,
	};
}

int jv_connect(struct rdma_cm_id *id, const void *data, int length, int rd_atomic)
{
	struct rdma_conn_param p = parameters(data, length, rd_atomic);
	return failed(lib.rdma_connect(id, &p));
}

int jv_accept(struct rdma_cm_id *id, const void *data, int length, int rd_atomic)
{
	struct rdma_conn_param p = parameters(data, length, rd_atomic);
	return failed(lib.rdma_accept(id, &p));
}

int jv_reject(struct rdma_cm_id *id, const void *data, int length)
{
	return failed(lib.rdma_reject(id, data, (uint8_t)length));
}

int jv_disconnect(struct rdma_cm_id *id)
{
	return failed(lib.rdma_disconnect(id));
}

int jv_migrate(struct rdma_cm_id *id, struct rdma_event_channel *ch)
{
	return failed(lib.rdma_migrate_id(id, ch));
}

int jv_pd(struct ibv_context *c, struct ibv_pd **out)
{
	return created(*out = lib.ibv_alloc_pd(c));
}

int jv_pd_free(struct ibv_pd *pd)
{
	return failed(lib.ibv_dealloc_pd(pd));
}

int jv_mr(struct ibv_pd *pd, void *addr, size_t length, int access, struct ibv_mr **out)
{
	return created(*out = lib.ibv_reg_mr(pd, addr, length, access));
}

int jv_mr_free(struct ibv_mr *mr)
{
	return failed(lib.ibv_dereg_mr(mr));
}

int jv_comp(struct ibv_context *c, struct ibv_comp_channel **out)
{
	*out = lib.ibv_create_comp_channel(c);
	return *out ? unblock((*out)->fd) : failed(-1);
}

int jv_comp_free(struct ibv_comp_channel *ch)
{
	return failed(lib.ibv_destroy_comp_channel(ch));
}

int jv_comp_event(struct ibv_comp_channel *ch, uint64_t *token)
{
	struct ibv_cq *cq;
	void *context;
	if (lib.ibv_get_cq_event(ch, &cq, &context))
		return failed(-1);
	lib.ibv_ack_cq_events(cq, 1);
	*token = (uint64_t)(uintptr_t)context;
	return 0;
}

int jv_cq(struct ibv_context *c, int cqe, uint64_t token, struct ibv_comp_channel *ch, struct ibv_cq **out)
{
	return created(*out = lib.ibv_create_cq(c, cqe, (void *)(uintptr_t)token, ch, 0));
}

int jv_cq_free(struct ibv_cq *cq)
{
	return failed(lib.ibv_destroy_cq(cq));
}

int jv_srq(struct ibv_pd *pd, int wr, struct ibv_srq **out)
{
	struct ibv_srq_init_attr a = {.attr = {.max_wr = (uint32_t)wr, .max_sge = 1}};
	return created(*out = lib.ibv_create_srq(pd, &a));
}

int jv_srq_free(struct ibv_srq *srq)
{
	return failed(lib.ibv_destroy_srq(srq));
}

static struct ibv_qp_init_attr wanted(const struct jv_qp_want *w)
{
	return (struct ibv_qp_init_attr){
		.send_cq = w->send, .recv_cq = w->recv, .srq = w->srq, .qp_type = IBV_QPT_RC,
		.cap = {.max_send_wr = (uint32_t)w->send_wr, .max_recv_wr = (uint32_t)w->recv_wr, .max_send_sge = 2, .max_recv_sge = 2,
			.max_inline_data = (uint32_t)w->inline_bytes},
	};
}

int jv_qp(struct ibv_pd *pd, struct jv_qp_want *want, struct ibv_qp **out)
{
	struct ibv_qp_init_attr a = wanted(want);
	*out = lib.ibv_create_qp(pd, &a);
	if (!*out && want->inline_bytes) {
		want->inline_bytes = 0;
		a = wanted(want);
		*out = lib.ibv_create_qp(pd, &a);
	}
	return created(*out);
}

int jv_qp_cm(struct rdma_cm_id *id, struct ibv_pd *pd, struct jv_qp_want *want)
{
	struct ibv_qp_init_attr a = wanted(want);
	int rc = failed(lib.rdma_create_qp(id, pd, &a));
	if (rc && want->inline_bytes) {
		want->inline_bytes = 0;
		a = wanted(want);
		rc = failed(lib.rdma_create_qp(id, pd, &a));
	}
	return rc;
}

int jv_qp_connect(struct rdma_cm_id *id, struct ibv_qp *qp, uint32_t number, uint32_t their_psn, uint32_t our_psn, int timeout, int rd_atomic)
{
	static const enum ibv_qp_state states[] = {IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS};
	for (int i = 0; i < 3; i++) {
		struct ibv_qp_attr a = {.qp_state = states[i]};
		int mask = 0;
		if (lib.rdma_init_qp_attr(id, &a, &mask))
			return failed(-1);
		a.qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
		a.dest_qp_num = number;
		a.rq_psn = their_psn;
		a.sq_psn = our_psn;
		a.max_dest_rd_atomic = a.max_rd_atomic = (uint8_t)rd_atomic;
		a.min_rnr_timer = 12;
		a.timeout = (uint8_t)timeout;
		a.retry_cnt = a.rnr_retry = 7;
		switch (states[i]) {
		case IBV_QPS_INIT:
			mask = IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS;
			break;
		case IBV_QPS_RTR:
			mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
				IBV_QP_MIN_RNR_TIMER;
			break;
		default:
			mask = IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC;
		}
		int rc = failed(lib.ibv_modify_qp(qp, &a, mask));
		if (rc)
			return rc;
	}
	return 0;
}

int jv_qp_error(struct ibv_qp *qp)
{
	struct ibv_qp_attr a = {.qp_state = IBV_QPS_ERR};
	return failed(lib.ibv_modify_qp(qp, &a, IBV_QP_STATE));
}

int jv_qp_free(struct ibv_qp *qp)
{
	return failed(lib.ibv_destroy_qp(qp));
}

void jv_qp_cm_free(struct rdma_cm_id *id)
{
	lib.rdma_destroy_qp(id);
}

int jv_poll(struct ibv_cq *cq, struct jv_wc *out, int most)
{
	struct ibv_wc wc[16];
	int n = ibv_poll_cq(cq, most < 16 ? most : 16, wc);
	for (int i = 0; i < n; i++) {
		struct jv_wc *o = &out[i];
		*o = (struct jv_wc){.wr_id = wc[i].wr_id, .status = wc[i].status, .qp = wc[i].qp_num, .vendor = wc[i].vendor_err};
		if (wc[i].status == IBV_WC_SUCCESS) {
			o->opcode = wc[i].opcode;
			o->bytes = wc[i].byte_len;
			o->imm = ntohl(wc[i].imm_data);
		}
	}
	return n < 0 ? -EIO : n;
}

int jv_notify(struct ibv_cq *cq)
{
	return failed(ibv_req_notify_cq(cq, 0));
}

int jv_recv(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey)
{
	struct ibv_sge sge = {(uintptr_t)addr, length, lkey};
	struct ibv_recv_wr wr = {.wr_id = wr_id, .sg_list = &sge, .num_sge = 1}, *bad;
	return failed(ibv_post_recv(qp, &wr, &bad));
}

int jv_recv_shared(struct ibv_srq *srq, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey)
{
	struct ibv_sge sge = {(uintptr_t)addr, length, lkey};
	struct ibv_recv_wr wr = {.wr_id = wr_id, .sg_list = &sge, .num_sge = 1}, *bad;
	return failed(ibv_post_srq_recv(srq, &wr, &bad));
}

static int post(struct ibv_qp *qp, struct ibv_send_wr *wr, uint32_t length, int flags)
{
	struct ibv_send_wr *bad;
	wr->send_flags = (unsigned)flags;
	if (length == 0)
		wr->num_sge = 0;
	return failed(ibv_post_send(qp, wr, &bad));
}

int jv_send(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey, uint32_t imm, int flags)
{
	struct ibv_sge sge = {(uintptr_t)addr, length, lkey};
	struct ibv_send_wr wr = {.wr_id = wr_id, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND_WITH_IMM, .imm_data = htonl(imm)};
	return post(qp, &wr, length, flags);
}

int jv_rdma(struct ibv_qp *qp, int opcode, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey, uint64_t there, uint32_t rkey, int flags)
{
	struct ibv_sge sge = {(uintptr_t)addr, length, lkey};
	struct ibv_send_wr wr = {.wr_id = wr_id, .sg_list = &sge, .num_sge = 1, .opcode = (enum ibv_wr_opcode)opcode};
	wr.wr.rdma.remote_addr = there;
	wr.wr.rdma.rkey = rkey;
	return post(qp, &wr, length, flags);
}

int jv_atomic(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t lkey, uint64_t there, uint32_t rkey, uint64_t compare, uint64_t swap, int flags)
{
	struct ibv_sge sge = {(uintptr_t)addr, 8, lkey};
	struct ibv_send_wr wr = {.wr_id = wr_id, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_ATOMIC_CMP_AND_SWP};
	wr.wr.atomic.remote_addr = there;
	wr.wr.atomic.rkey = rkey;
	wr.wr.atomic.compare_add = compare;
	wr.wr.atomic.swap = swap;
	return post(qp, &wr, 8, flags);
}
