//go:build rdma

package verbs

// #include "lib.h"
import "C"

import (
	"unsafe"
)

// Retries is how often a queue pair repeats what is not acknowledged, and AckTimeout the exponent of its patience: 4.096 us x
// 2^AckTimeout, here 0.27 s.
const (
	Retries    = C.JV_RETRIES
	AckTimeout = 16
)

// A QP is a reliable, connected queue pair. One goroutine at a time may post to each of its queues.
type QP struct {
	q      *C.struct_ibv_qp
	id     *ID // that it belongs to, or nil
	Number uint32
	Inline int // bytes that Send can take along with the request

	Joined func() error // if not nil, the last that Connect does: from there on Post works
}

// A Want says how to make a queue pair.
type Want struct {
	Send, Recv           *CQ
	Shared               *SRQ // nil: a receive queue of its own
	SendEntries, Buffers int
	Inline               int // bytes that would be nice
}

func (w *Want) c() C.struct_jv_qp_want {
	c := C.struct_jv_qp_want{send: w.Send.q, recv: w.Recv.q, send_wr: C.int(w.SendEntries), recv_wr: C.int(w.Buffers), inline_bytes: C.int(w.Inline)}
	if w.Shared != nil {
		c.srq = w.Shared.q
	}
	return c
}

// NewQP makes a queue pair that is not connected.
func (pd *PD) NewQP(w *Want) (*QP, error) {
	c := w.c()
	var q *C.struct_ibv_qp
	if err := failed("ibv_create_qp", C.jv_qp(pd.p, &c, &q)); err != nil {
		return nil, err
	}
	return &QP{q: q, Number: uint32(q.qp_num), Inline: int(c.inline_bytes)}, nil
}

// NewQP makes the queue pair of a connection, which takes part in Connect or Accept.
func (id *ID) NewQP(pd *PD, w *Want) (*QP, error) {
	c := w.c()
	if err := failed("rdma_create_qp", C.jv_qp_cm(id.id, pd.p, &c)); err != nil {
		return nil, err
	}
	return &QP{q: id.id.qp, id: id, Number: uint32(id.id.qp.qp_num), Inline: int(c.inline_bytes)}, nil
}

// Connect joins a new queue pair with another one, whose number and first packet number (of 24 bits) are theirs, along the
// path of an established connection with its host.
func (q *QP) Connect(id *ID, number, theirPSN, ourPSN uint32, readsAtOnce int) error {
	err := failed("ibv_modify_qp", C.jv_qp_connect(id.id, q.q, C.uint32_t(number), C.uint32_t(theirPSN), C.uint32_t(ourPSN), AckTimeout, C.int(readsAtOnce)))
	if err == nil && q.Joined != nil {
		err = q.Joined()
	}
	return err
}

// Fail puts the queue pair into its error state: nothing is sent or received any more.
func (q *QP) Fail() error { return failed("ibv_modify_qp", C.jv_qp_error(q.q)) }

// Free ends the queue pair.
func (q *QP) Free() error {
	if q.id != nil {
		C.jv_qp_cm_free(q.id.id)
		return nil
	}
	return failed("ibv_destroy_qp", C.jv_qp_free(q.q))
}

// A Flag changes how a request is sent.
type Flag int

const (
	Signaled Flag = C.IBV_SEND_SIGNALED // its success is told, too
	Inline   Flag = C.IBV_SEND_INLINE   // the bytes are copied at once, and need not be registered
	Fence    Flag = C.IBV_SEND_FENCE    // it waits for the reads before it
)

// Post adds a receive buffer to the queue pair's own queue.
func (q *QP) Post(wr uint64, b []byte, key uint32) error {
	return failed("ibv_post_recv", C.jv_recv(q.q, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)), C.uint32_t(key)))
}

// Send sends b, and 32 bits beside it, into the next receive buffer of the other end.
func (q *QP) Send(wr uint64, b []byte, key, imm uint32, flags Flag) error {
	return failed("ibv_post_send", C.jv_send(q.q, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)), C.uint32_t(key), C.uint32_t(imm), C.int(flags)))
}

// Read copies from the other end's memory into b, and Write from b to there.
func (q *QP) Read(wr uint64, b []byte, key uint32, there uint64, remote uint32, flags Flag) error {
	return failed("ibv_post_send", C.jv_rdma(q.q, C.IBV_WR_RDMA_READ, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)), C.uint32_t(key),
		C.uint64_t(there), C.uint32_t(remote), C.int(flags)))
}

// Write is described at Read.
func (q *QP) Write(wr uint64, b []byte, key uint32, there uint64, remote uint32, flags Flag) error {
	return failed("ibv_post_send", C.jv_rdma(q.q, C.IBV_WR_RDMA_WRITE, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)), C.uint32_t(key),
		C.uint64_t(there), C.uint32_t(remote), C.int(flags)))
}

// CompareAndSwap stores swap in the 8 bytes there if they hold compare; b gets what they held. The bytes are in the
// byte order of the machine, and aligned.
func (q *QP) CompareAndSwap(wr uint64, b []byte, key uint32, there uint64, remote uint32, compare, swap uint64, flags Flag) error {
	return failed("ibv_post_send", C.jv_atomic(q.q, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(key), C.uint64_t(there), C.uint32_t(remote),
		C.uint64_t(compare), C.uint64_t(swap), C.int(flags)))
}
