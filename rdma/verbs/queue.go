//go:build rdma

package verbs

// #include "lib.h"
import "C"

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Channel tells of completions by becoming readable.
type Channel struct {
	c  *C.struct_ibv_comp_channel
	FD int // does not block
}

// NewChannel makes one.
func (c Context) NewChannel() (*Channel, error) {
	var ch Channel
	if err := failed("ibv_create_comp_channel", C.jv_comp(c.c, &ch.c)); err != nil {
		return nil, err
	}
	ch.FD = int(ch.c.fd)
	return &ch, nil
}

// Event takes an event and returns the token of its queue; ok is false when there is none.
func (ch *Channel) Event() (token uint64, ok bool) {
	var t C.uint64_t
	rc := C.jv_comp_event(ch.c, &t)
	return uint64(t), rc == 0
}

// Free ends the channel.
func (ch *Channel) Free() error { return failed("ibv_destroy_comp_channel", C.jv_comp_free(ch.c)) }

// A CQ is a completion queue. Poll and Notify may be called by any goroutine.
type CQ struct{ q *C.struct_ibv_cq }

// NewCQ makes a queue of so many entries, which ch tells of under the name of token.
func (c Context) NewCQ(entries int, token uint64, ch *Channel) (*CQ, error) {
	var q CQ
	if err := failed("ibv_create_cq", C.jv_cq(c.c, C.int(entries), C.uint64_t(token), ch.c, &q.q)); err != nil {
		return nil, err
	}
	return &q, nil
}

// A Completion tells what became of a work request. Its layout is that of struct jv_wc.
type Completion struct {
	WR     uint64
	Status uint32 // 0: success; only then do Opcode, Bytes and Imm hold
	Opcode uint32
	Bytes  uint32
	Imm    uint32
	QP     uint32
	Vendor uint32
}

// OpReceived is the Opcode bit of what was received.
const OpReceived = C.IBV_WC_RECV

// Poll takes completions, up to 16 at once, and returns how many.
func (q *CQ) Poll(list []Completion) (int, error) {
	n := C.jv_poll(q.q, (*C.struct_jv_wc)(unsafe.Pointer(unsafe.SliceData(list))), C.int(len(list)))
	return int(n), failed("ibv_poll_cq", n)
}

// Notify has the channel tell of the next completion.
func (q *CQ) Notify() error { return failed("ibv_req_notify_cq", C.jv_notify(q.q)) }

// Free ends the queue.
func (q *CQ) Free() error { return failed("ibv_destroy_cq", C.jv_cq_free(q.q)) }

// Err turns a failed completion into an error, or nil.
func (c *Completion) Err() error {
	switch c.Status {
	case C.IBV_WC_SUCCESS:
		return nil
	case C.IBV_WC_RETRY_EXC_ERR:
		return fmt.Errorf("no answer to any of %d attempts: %w", Retries+1, unix.ETIMEDOUT)
	case C.IBV_WC_RNR_RETRY_EXC_ERR:
		return fmt.Errorf("the receiver had no buffer: %w", unix.ENOBUFS)
	case C.IBV_WC_WR_FLUSH_ERR:
		return fmt.Errorf("the queue pair has failed: %w", unix.ECONNRESET)
	case C.IBV_WC_REM_ACCESS_ERR:
		return fmt.Errorf("remote access refused: %w", unix.EACCES)
	case C.IBV_WC_REM_OP_ERR, C.IBV_WC_REM_INV_REQ_ERR, C.IBV_WC_REM_ABORT_ERR:
		return fmt.Errorf("remote operation failed (status %d, vendor code %#x): %w", c.Status, c.Vendor, unix.EREMOTEIO)
	}
	return fmt.Errorf("work completion with status %d, vendor code %#x: %w", c.Status, c.Vendor, unix.EIO)
}

// An SRQ is a receive queue that several queue pairs share.
type SRQ struct{ q *C.struct_ibv_srq }

// NewSRQ makes a queue for so many buffers.
func (pd *PD) NewSRQ(buffers int) (*SRQ, error) {
	var q SRQ
	if err := failed("ibv_create_srq", C.jv_srq(pd.p, C.int(buffers), &q.q)); err != nil {
		return nil, err
	}
	return &q, nil
}

// Post adds a buffer of a region with this local key.
func (q *SRQ) Post(wr uint64, b []byte, key uint32) error {
	return failed("ibv_post_srq_recv", C.jv_recv_shared(q.q, C.uint64_t(wr), unsafe.Pointer(unsafe.SliceData(b)), C.uint32_t(len(b)), C.uint32_t(key)))
}

// Free ends the queue.
func (q *SRQ) Free() error { return failed("ibv_destroy_srq", C.jv_srq_free(q.q)) }
