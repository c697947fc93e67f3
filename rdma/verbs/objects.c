//go:build rdma

// Devices, and what is made of them.
#include "table.h"

static int query_port(struct ibv_context *c, uint8_t port, struct ibv_port_attr *a)
{
	memset(a, 0, sizeof *a);
	return failed(jv_lib.ibv_query_port(c, port, (struct _compat_ibv_port_attr *)a));
}

int jv_ports(struct jv_port *out, int most)
{
	int devices = 0, n = 0, refused = 0;
	struct ibv_device **list = jv_lib.ibv_get_device_list(&devices);
	if (!list)
		return errno == ENOSYS ? 0 : failed(-1);
	for (int i = 0; i < devices; i++) {
		struct ibv_context *c = jv_lib.ibv_open_device(list[i]);
		struct ibv_device_attr d;
		struct ibv_port_attr p;
		if (!c) {
			refused = failed(-1);
			continue;
		}
		if (jv_lib.ibv_query_device(c, &d) == 0) {
			for (int port = 1; port <= d.phys_port_cnt && n < most; port++) {
				if (query_port(c, (uint8_t)port, &p))
					continue;
				struct jv_port *o = &out[n++];
				memset(o, 0, sizeof *o);
				strncpy(o->device, jv_lib.ibv_get_device_name(list[i]), sizeof o->device - 1);
				o->port = port;
				o->state = (int)p.state;
				o->active = p.state == IBV_PORT_ACTIVE;
				o->ethernet = p.link_layer == IBV_LINK_LAYER_ETHERNET;
			}
		}
		jv_lib.ibv_close_device(c);
	}
	jv_lib.ibv_free_device_list(list);
	return n ? n : refused;
}

int jv_limits(struct ibv_context *c, struct jv_limits *out)
{
	struct ibv_device_attr d;
	int rc = failed(jv_lib.ibv_query_device(c, &d));
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

int jv_pd(struct ibv_context *c, struct ibv_pd **out)
{
	return created(*out = jv_lib.ibv_alloc_pd(c));
}

int jv_pd_free(struct ibv_pd *pd)
{
	return failed(jv_lib.ibv_dealloc_pd(pd));
}

int jv_mr(struct ibv_pd *pd, void *addr, size_t length, int access, struct ibv_mr **out)
{
	return created(*out = jv_lib.ibv_reg_mr(pd, addr, length, access));
}

int jv_mr_free(struct ibv_mr *mr)
{
	return failed(jv_lib.ibv_dereg_mr(mr));
}

int jv_comp(struct ibv_context *c, struct ibv_comp_channel **out)
{
	*out = jv_lib.ibv_create_comp_channel(c);
	return *out ? jv_unblock((*out)->fd) : failed(-1);
}

int jv_comp_free(struct ibv_comp_channel *ch)
{
	return failed(jv_lib.ibv_destroy_comp_channel(ch));
}

int jv_comp_event(struct ibv_comp_channel *ch, uint64_t *token)
{
	struct ibv_cq *cq;
	void *context;
	if (jv_lib.ibv_get_cq_event(ch, &cq, &context))
		return failed(-1);
	jv_lib.ibv_ack_cq_events(cq, 1);
	*token = (uint64_t)(uintptr_t)context;
	return 0;
}

int jv_cq(struct ibv_context *c, int cqe, uint64_t token, struct ibv_comp_channel *ch, struct ibv_cq **out)
{
	return created(*out = jv_lib.ibv_create_cq(c, cqe, (void *)(uintptr_t)token, ch, 0));
}

int jv_cq_free(struct ibv_cq *cq)
{
	return failed(jv_lib.ibv_destroy_cq(cq));
}

int jv_srq(struct ibv_pd *pd, int wr, struct ibv_srq **out)
{
	struct ibv_srq_init_attr a = {.attr = {.max_wr = (uint32_t)wr, .max_sge = 1}};
	return created(*out = jv_lib.ibv_create_srq(pd, &a));
}

int jv_srq_free(struct ibv_srq *srq)
{
	return failed(jv_lib.ibv_destroy_srq(srq));
}

static struct ibv_qp_init_attr wanted(const struct jv_qp_want *w)
{
	return (struct ibv_qp_init_attr){
		.send_cq = w->send, .recv_cq = w->recv, .srq = w->srq, .qp_type = IBV_QPT_RC,
		.cap = {.max_send_wr = (uint32_t)w->send_wr, .max_recv_wr = (uint32_t)w->recv_wr, .max_send_sge = 2, .max_recv_sge = 2,
			.max_inline_data = (uint32_t)w->inline_bytes},
	};
}

// less is what to ask for when a device refused so many bytes inline; some take 96 or 101.
static int less(int inline_bytes)
{
	return inline_bytes > 32 ? inline_bytes * 3 / 4 : 0;
}

// took notes a device that gave less without a word.
static void took(struct jv_qp_want *want, const struct ibv_qp_init_attr *a)
{
	if (a->cap.max_inline_data < (uint32_t)want->inline_bytes)
		want->inline_bytes = (int)a->cap.max_inline_data;
}

int jv_qp(struct ibv_pd *pd, struct jv_qp_want *want, struct ibv_qp **out)
{
	struct ibv_qp_init_attr a = wanted(want);
	while (!(*out = jv_lib.ibv_create_qp(pd, &a)) && want->inline_bytes) {
		want->inline_bytes = less(want->inline_bytes);
		a = wanted(want);
	}
	took(want, &a);
	return created(*out);
}

int jv_qp_cm(struct rdma_cm_id *id, struct ibv_pd *pd, struct jv_qp_want *want)
{
	struct ibv_qp_init_attr a = wanted(want);
	int rc;
	while ((rc = failed(jv_lib.rdma_create_qp(id, pd, &a))) && want->inline_bytes) {
		want->inline_bytes = less(want->inline_bytes);
		a = wanted(want);
	}
	took(want, &a);
	return rc;
}

int jv_qp_connect(struct rdma_cm_id *id, struct ibv_qp *qp, uint32_t number, uint32_t their_psn, uint32_t our_psn, int timeout, int rd_atomic)
{
	static const enum ibv_qp_state states[] = {IBV_QPS_INIT, IBV_QPS_RTR, IBV_QPS_RTS};
	for (int i = 0; i < 3; i++) {
		struct ibv_qp_attr a = {.qp_state = states[i]};
		int mask = 0;
		if (jv_lib.rdma_init_qp_attr(id, &a, &mask))
			return failed(-1);
		a.qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
		a.dest_qp_num = number;
		a.rq_psn = their_psn;
		a.sq_psn = our_psn;
		a.max_dest_rd_atomic = a.max_rd_atomic = (uint8_t)rd_atomic;
		a.min_rnr_timer = 12;
		a.timeout = (uint8_t)timeout;
		a.retry_cnt = JV_RETRIES;
		a.rnr_retry = 7;
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
		int rc = failed(jv_lib.ibv_modify_qp(qp, &a, mask));
		if (rc)
			return rc;
	}
	return 0;
}

int jv_qp_error(struct ibv_qp *qp)
{
	struct ibv_qp_attr a = {.qp_state = IBV_QPS_ERR};
	return failed(jv_lib.ibv_modify_qp(qp, &a, IBV_QP_STATE));
}

int jv_qp_free(struct ibv_qp *qp)
{
	return failed(jv_lib.ibv_destroy_qp(qp));
}

void jv_qp_cm_free(struct rdma_cm_id *id)
{
	jv_lib.rdma_destroy_qp(id);
}
