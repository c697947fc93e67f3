// What verbs.go calls. Every function returns 0 or a negative errno unless it says something else.
#ifndef JIA_VERBS_LIB_H
#define JIA_VERBS_LIB_H

#include <rdma/rdma_cma.h>
#include <stddef.h>
#include <stdint.h>

// How often a queue pair repeats what is not acknowledged. Not 7, which Soft-RoCE takes for "for ever".
#define JV_RETRIES 6

// A port of a device.
struct jv_port {
	char device[64];
	int port;
	int active;
	int ethernet; // RoCE, else InfiniBand
	int state;    // enum ibv_port_state
};

// What a device allows.
struct jv_limits {
	int qp_wr, cqe, srq_wr, rd_atomic;
};

// A work completion.
struct jv_wc {
	uint64_t wr_id;
	uint32_t status, opcode, bytes, imm, qp, vendor;
};

// An event of the connection manager, acknowledged already.
struct jv_event {
	struct rdma_cm_id *id, *listener;
	int type, status, length; // length of data
	int rd_atomic;            // of a request or an answer: what its sender says
	unsigned char data[256];  // private data
};

// An IPv4 or IPv6 address.
struct jv_address {
	int v6;
	uint32_t scope;
	uint16_t port;
	unsigned char ip[16];
};

const char *jv_load(void); // loads the libraries; NULL, or what dlopen or dlsym says. Once.

int jv_ports(struct jv_port *out, int most); // returns how many
int jv_limits(struct ibv_context *c, struct jv_limits *out);
int jv_port_active(struct rdma_cm_id *id); // 1, 0 or a negative errno

int jv_channel(struct rdma_event_channel **out);
void jv_channel_free(struct rdma_event_channel *ch);
int jv_event(struct rdma_event_channel *ch, struct jv_event *out); // -EAGAIN when there is none
const char *jv_event_name(int type);

int jv_id(struct rdma_event_channel *ch, struct rdma_cm_id **out);
int jv_id_free(struct rdma_cm_id *id);
int jv_bind(struct rdma_cm_id *id, const struct jv_address *a);
int jv_listen(struct rdma_cm_id *id, int backlog);
int jv_resolve(struct rdma_cm_id *id, const struct jv_address *from, const struct jv_address *to, int ms);
int jv_route(struct rdma_cm_id *id, int ms);
int jv_timeout(struct rdma_cm_id *id, int exponent);
int jv_connect(struct rdma_cm_id *id, const void *data, int length, int rd_atomic);
int jv_accept(struct rdma_cm_id *id, const void *data, int length, int rd_atomic);
int jv_reject(struct rdma_cm_id *id, const void *data, int length);
int jv_disconnect(struct rdma_cm_id *id);
int jv_migrate(struct rdma_cm_id *id, struct rdma_event_channel *ch);

int jv_pd(struct ibv_context *c, struct ibv_pd **out);
int jv_pd_free(struct ibv_pd *pd);
int jv_mr(struct ibv_pd *pd, void *addr, size_t length, int access, struct ibv_mr **out);
int jv_mr_free(struct ibv_mr *mr);
int jv_comp(struct ibv_context *c, struct ibv_comp_channel **out); // its descriptor does not block
int jv_comp_free(struct ibv_comp_channel *ch);
int jv_comp_event(struct ibv_comp_channel *ch, uint64_t *token); // -EAGAIN when there is none
int jv_cq(struct ibv_context *c, int cqe, uint64_t token, struct ibv_comp_channel *ch, struct ibv_cq **out);
int jv_cq_free(struct ibv_cq *cq);
int jv_srq(struct ibv_pd *pd, int wr, struct ibv_srq **out);
int jv_srq_free(struct ibv_srq *srq);

// A queue pair has 2 entries in each list of buffers; inline_bytes is lowered to what the device takes.
struct jv_qp_want {
	struct ibv_cq *send, *recv;
	struct ibv_srq *srq; // or NULL
	int send_wr, recv_wr;
	int inline_bytes;
};
int jv_qp(struct ibv_pd *pd, struct jv_qp_want *want, struct ibv_qp **out);
int jv_qp_cm(struct rdma_cm_id *id, struct ibv_pd *pd, struct jv_qp_want *want); // in id->qp
// Brings a new queue pair to where it sends, along the path of a connection that is established.
int jv_qp_connect(struct rdma_cm_id *id, struct ibv_qp *qp, uint32_t number, uint32_t their_psn, uint32_t our_psn, int timeout, int rd_atomic);
int jv_qp_error(struct ibv_qp *qp);
int jv_qp_free(struct ibv_qp *qp);
void jv_qp_cm_free(struct rdma_cm_id *id);

// A request to read from the other end's memory, or to write to it.
struct jv_request {
	uint64_t addr, there;
	uint32_t length, lkey, rkey;
	int32_t write, flags;
};

// The calls that count. They never wait.
#define JV_LAST 1 // wr_id of the requests that are signaled; that of the others is 0
int jv_requests(struct ibv_qp *qp, const struct jv_request *list, int n);
void jv_fence(void); // a full barrier, for devices, too
int jv_poll(struct ibv_cq *cq, struct jv_wc *out, int most); // returns how many
int jv_notify(struct ibv_cq *cq);
int jv_recv(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey);
int jv_recv_shared(struct ibv_srq *srq, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey);
int jv_send(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey, uint32_t imm, int flags);
int jv_rdma(struct ibv_qp *qp, int opcode, uint64_t wr_id, void *addr, uint32_t length, uint32_t lkey, uint64_t there, uint32_t rkey, int flags);
int jv_atomic(struct ibv_qp *qp, uint64_t wr_id, void *addr, uint32_t lkey, uint64_t there, uint32_t rkey, uint64_t compare, uint64_t swap, int flags);

#endif
