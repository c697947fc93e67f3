//go:build rdma

package verbs

// #include "lib.h"
import "C"

import "unsafe"

// A Request reads from the other end's memory, or writes to it. Its layout is that of struct jv_request.
type Request struct {
	Here, There   uint64 // addresses
	Bytes         uint32
	Local, Remote uint32 // keys
	Write         int32  // 1: to there; 0: from there
	Flags         int32  // of type Flag
}

// Last is the WR of the completion of a request that is Signaled; that of others, when they fail, is 0.
const Last = C.JV_LAST

// Requests posts a list, in order, at the price of one call.
func (q *QP) Requests(list []Request) error {
	return failed("ibv_post_send", C.jv_requests(q.q, (*C.struct_jv_request)(unsafe.Pointer(unsafe.SliceData(list))), C.int(len(list))))
}

// Address is that of b, which is not in Go's heap, for Requests.
func Address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// FullFence orders all accesses to memory before it with all that follow, as devices see them, too.
func FullFence() { C.jv_fence() }
