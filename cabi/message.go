package main

/*
#include <stddef.h>
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"

	"jiajia/core/message"
	"jiajia/core/wire"
)

// The exports of message.c. Their buffers are private memory of C, which the call may use until it returns.

func buffer(at *C.char, n C.size_t) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(at)), int(n)) }

//export jiaGoBadBuffer
func jiaGoBadBuffer(call *C.char, n C.long) {
	name := C.GoString(call)
	running(name)
	if n < 0 {
		fail(fmt.Sprintf("host %d: %s with a length of %d bytes: a length is a number from 0 up", job.self, name, int64(n)))
	}
	fail(fmt.Sprintf("host %d: %s with a NULL buffer and a length of %d bytes", job.self, name, int64(n)))
}

//export jiaGoSend
func jiaGoSend(piece *C.char, n, total C.size_t, number C.ulong, to, tag C.int) C.ulong {
	host := running("jia_send")
	if number == 0 {
		number = C.ulong(host.NewMessage(uint64(total)))
	}
	host.Send(wire.HostID(to), int32(tag), uint64(number), uint64(total), buffer(piece, n))
	return number
}

// jiaGoRecv waits for a message and fills the stage with its beginning. It returns 0 when that is all of it, else a handle for
// jiaGoRead.
//
//export jiaGoRecv
func jiaGoRecv(stage *C.char, size, most C.size_t, from, tag C.int, total *C.size_t) C.ulong {
	m := running("jia_recv").Recv(wire.HostID(from), int32(tag), uint64(most))
	*total = C.size_t(m.Size)
	m.Read(buffer(stage, min(size, *total)))
	if *total <= size {
		return 0
	}
	return C.ulong(cgo.NewHandle(m))
}

// jiaGoRead reads on. The last read ends the handle.
//
//export jiaGoRead
func jiaGoRead(handle C.ulong, stage *C.char, n C.size_t) {
	h := cgo.Handle(handle)
	m := h.Value().(*message.Message)
	if m.Read(buffer(stage, n)); m.Empty() {
		h.Delete()
	}
}

//export jiaGoBcast
func jiaGoBcast(piece *C.char, n, total C.size_t, root C.int) {
	running("jia_bcast").Bcast(wire.HostID(root), uint64(total), buffer(piece, n))
}

// jiaGoOperands returns how many bytes the operands of a reduction take.
//
//export jiaGoOperands
func jiaGoOperands(count C.size_t, op C.int) C.size_t {
	running("jia_reduce")
	size := C.size_t(message.What(op).Operand())
	switch {
	case size == 0:
		fail(fmt.Sprintf("host %d: jia_reduce with operation %d: there is none of this number; jia.h has their names", job.self, int(op)))
	case C.long(count) < 0 || count > wire.MaxMessage/size:
		fail(fmt.Sprintf("host %d: jia_reduce of %d operands: a count is a number from 0 up", job.self, int64(count)))
	}
	return count * size
}

//export jiaGoReduce
func jiaGoReduce(piece *C.char, n, total C.size_t, op, root C.int) {
	running("jia_reduce").Reduce(message.What(op), wire.HostID(root), uint64(total), buffer(piece, n))
}

//export jiaGoDivide
func jiaGoDivide(begin, end *C.int) {
	first, last := running("jia_divtask").Divide(int32(*begin), int32(*end))
	*begin, *end = C.int(first), C.int(last)
}

//export jiaGoLoadCheck
func jiaGoLoadCheck() { running("jia_loadcheck").LoadCheck() }

// What jia_config knows, as jia.h numbers it.
const (
	homeMigration = iota
	adaptiveDetection
	broadcast
	loadBalancing
	writeVector
	useRDMA
)

//export jiaGoConfig
func jiaGoConfig(what, on C.int) {
	n := running("jia_config")
	switch what {
	case loadBalancing:
		n.Balance(on != 0)
	case homeMigration, adaptiveDetection, broadcast, writeVector, useRDMA: // no effect in this version
	default:
		if job.self == 0 { // one line, though all hosts make the call
			job.log.Warnf("jia_config(%d, %d) is ignored: jia.h names what there is, 0 to %d", int(what), int(on), useRDMA)
		}
	}
}
