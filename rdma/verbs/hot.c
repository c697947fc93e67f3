//go:build rdma

// The calls that count. What verbs.h defines inline goes through the device's own table and needs no symbol.
#include "table.h"

#include <arpa/inet.h>

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

int jv_requests(struct ibv_qp *qp, const struct jv_request *list, int n)
{
	enum { CHAIN = 32 };
	struct ibv_send_wr wr[CHAIN], *bad;
	struct ibv_sge sge[CHAIN];
	for (int at = 0; at < n; at += CHAIN) {
		int count = n - at < CHAIN ? n - at : CHAIN;
		for (int i = 0; i < count; i++) {
			const struct jv_request *r = &list[at + i];
			sge[i] = (struct ibv_sge){r->addr, r->length, r->lkey};
			wr[i] = (struct ibv_send_wr){
				.wr_id = r->flags & IBV_SEND_SIGNALED ? JV_LAST : 0, .next = i + 1 < count ? &wr[i + 1] : NULL, .sg_list = &sge[i], .num_sge = 1,
				.opcode = r->write ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ, .send_flags = (unsigned)r->flags,
			};
			wr[i].wr.rdma.remote_addr = r->there;
			wr[i].wr.rdma.rkey = r->rkey;
		}
		int rc = failed(ibv_post_send(qp, wr, &bad));
		if (rc)
			return rc;
	}
	return 0;
}

void jv_fence(void)
{
#ifdef __aarch64__
	__asm__ volatile("dmb osh" ::: "memory"); // what a language's fence is made of stops at the processors
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
