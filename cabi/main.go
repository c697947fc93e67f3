// Command cabi is the library's C interface: built with -buildmode=c-archive it becomes libjia.a. It holds no logic: glue.c
// adapts the calls of jia.h, the exports here decode their arguments and call the node, and job.go wires a host together.
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../include -O2 -Wall -Wextra
#include <errno.h>
#include <stdlib.h>
#include "calls.h"

const char *jia_start_directory(void); // supervise.c
const char *jia_start_arguments(size_t *length);
*/
import "C"

import (
	"fmt"
	"unsafe"

	"jiajia/core"
	"jiajia/core/launch"
	"jiajia/core/region"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// jia_stats_t has a word for each field behind its size.
var _ [stats.Len]struct{} = [C.JIA_STATS_WORDS]struct{}{}

func main() {}

//export jiaGoInit
func jiaGoInit(pid, hosts *C.int) C.int {
	terminal := start(func(name string) string {
		cname := C.CString(name)
		defer C.free(unsafe.Pointer(cname))
		return C.GoString(C.getenv(cname))
	})
	*pid, *hosts = C.int(job.self), C.int(job.hosts)
	if terminal {
		return 1
	}
	return 0
}

//export jiaGoExit
func jiaGoExit(owner C.ulong) { leave(core.Owner(owner)) }

//export jiaGoFinish
func jiaGoFinish() { finish() }

//export jiaGoError
func jiaGoError(text *C.char) {
	fail(fmt.Sprintf("host %d: %s", job.self, C.GoString(text)))
}

//export jiaGoAlloc
func jiaGoAlloc(call C.int, size, block C.ulong, host C.int, list *C.longlong, n C.int) C.ulong {
	args := []uint64{uint64(size)}
	switch call {
	case C.JIA_CALL_ALLOC2:
		args = append(args, uint64(block))
	case C.JIA_CALL_ALLOC2P, C.JIA_CALL_ALLOC4:
		args = append(args, uint64(host))
	case C.JIA_CALL_ALLOC3:
		args = append(args, uint64(block), uint64(host))
	}
	for _, v := range unsafe.Slice((*int64)(unsafe.Pointer(list)), int(n)) {
		args = append(args, uint64(v))
	}
	at := running("jia_alloc").Alloc(core.AllocCall(call), args...)
	return C.ulong(region.DefaultBase) + C.ulong(at)
}

//export jiaGoFree
func jiaGoFree(addr C.ulong) { running("jia_free").Free(uint64(addr)) }

//export jiaGoLock
func jiaGoLock(owner C.ulong, id C.int) {
	running("jia_lock").Lock(core.Owner(owner), core.LockID(id))
}

//export jiaGoUnlock
func jiaGoUnlock(owner C.ulong, id C.int) {
	running("jia_unlock").Unlock(core.Owner(owner), core.LockID(id))
}

//export jiaGoBarrier
func jiaGoBarrier(owner C.ulong) {
	running("jia_barrier").Rendezvous(core.Owner(owner), wire.KindBarrier)
}

//export jiaGoWait
func jiaGoWait(owner C.ulong) {
	running("jia_wait").Rendezvous(core.Owner(owner), wire.KindWait)
}

//export jiaGoSetCV
func jiaGoSetCV(id C.int) { running("jia_setcv").CV(wire.CVSet, core.CVID(id)) }

//export jiaGoResetCV
func jiaGoResetCV(id C.int) { running("jia_resetcv").CV(wire.CVReset, core.CVID(id)) }

//export jiaGoWaitCV
func jiaGoWaitCV(id C.int) { running("jia_waitcv").CV(wire.CVWait, core.CVID(id)) }

//export jiaGoStartStat
func jiaGoStartStat() { running("jia_startstat").Window(true) }

//export jiaGoStopStat
func jiaGoStopStat() { running("jia_stopstat").Window(false) }

//export jiaGoStats
func jiaGoStats(words *C.ulong) C.int {
	n := job.node.Load()
	if n == nil {
		return -C.ENOTCONN
	}
	encode(n.Stats(), unsafe.Slice((*uint64)(unsafe.Pointer(words)), stats.Len))
	return 0
}

// startDirectory returns where the program was started, "" when that is not known.
func startDirectory() string { return C.GoString(C.jia_start_directory()) }

// startArguments returns the arguments that the program was started with, nil when they are not known.
func startArguments() []string {
	var length C.size_t
	text := C.jia_start_arguments(&length)
	if text == nil {
		return nil
	}
	return launch.Arguments(unsafe.Slice((*byte)(unsafe.Pointer(text)), int(length)))
}

//export jiaSupervise
func jiaSupervise() C.int { return C.int(supervise()) }
