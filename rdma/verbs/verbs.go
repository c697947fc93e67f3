//go:build rdma

package verbs

/*
#cgo noescape jv_poll
#cgo nocallback jv_poll
#cgo nocallback jv_notify
#cgo nocallback jv_recv
#cgo nocallback jv_recv_shared
#cgo nocallback jv_send
#cgo nocallback jv_rdma
#cgo nocallback jv_atomic
#cgo noescape jv_requests
#cgo nocallback jv_requests
#cgo nocallback jv_fence
#include "lib.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// failed makes an error of what a C function returned.
func failed(op string, rc C.int) error {
	if rc >= 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", op, unix.Errno(-rc))
}

// unopened is failed for what lies below /dev/infiniband.
func unopened(op string, rc C.int) error {
	err := failed(op, rc)
	for _, e := range []error{unix.EACCES, unix.EPERM, unix.ENOENT, unix.ENODEV, unix.ENOSYS} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w [this user must be allowed to read and write the files in /dev/infiniband, which come with the kernel's "+
				"modules ib_uverbs and rdma_ucm; does a container hide them?]", err)
		}
	}
	return err
}

// Load loads the libraries, once. Any goroutine.
var Load = sync.OnceValue(func() error {
	if said := C.jv_load(); said != nil {
		return libraryError(C.GoString(said))
	}
	return nil
})

// Ports lists the ports of all devices of this machine. Load must have succeeded, here and for everything below.
func Ports() ([]Port, error) {
	var list [64]C.struct_jv_port
	n := C.jv_ports(&list[0], C.int(len(list)))
	if n < 0 {
		return nil, unopened("ibv_open_device", n)
	}
	var ports []Port
	for _, p := range list[:n] {
		ports = append(ports, Port{
			Device: C.GoString(&p.device[0]), Number: int(p.port), Active: p.active != 0, Ethernet: p.ethernet != 0, State: portState(int(p.state)),
		})
	}
	return ports, nil
}

func portState(s int) string {
	switch s {
	case C.IBV_PORT_DOWN:
		return "down"
	case C.IBV_PORT_INIT:
		return "initializing (is a subnet manager running?)"
	case C.IBV_PORT_ARMED:
		return "armed"
	case C.IBV_PORT_ACTIVE:
		return "active"
	}
	return fmt.Sprintf("in state %d", s)
}

// Limits are what a device allows.
type Limits struct {
	QueueEntries, CompletionEntries, SharedEntries int
	ReadsAtOnce                                    int // RDMA READs and atomics of a queue pair
}

// A Context is an open device, that of an ID; it belongs to librdmacm.
type Context struct{ c *C.struct_ibv_context }

// Limits asks the device.
func (c Context) Limits() (Limits, error) {
	var l C.struct_jv_limits
	rc := C.jv_limits(c.c, &l)
	return Limits{int(l.qp_wr), int(l.cqe), int(l.srq_wr), int(l.rd_atomic)}, failed("ibv_query_device", rc)
}

// A PD is a protection domain.
type PD struct{ p *C.struct_ibv_pd }

// NewPD makes one.
func (c Context) NewPD() (*PD, error) {
	var pd PD
	if err := failed("ibv_alloc_pd", C.jv_pd(c.c, &pd.p)); err != nil {
		return nil, err
	}
	return &pd, nil
}

// Free ends the domain.
func (pd *PD) Free() error { return failed("ibv_dealloc_pd", C.jv_pd_free(pd.p)) }

// Access says what a region may be used for.
type Access int

const (
	LocalWrite   Access = C.IBV_ACCESS_LOCAL_WRITE
	RemoteWrite  Access = C.IBV_ACCESS_REMOTE_WRITE
	RemoteRead   Access = C.IBV_ACCESS_REMOTE_READ
	RemoteAtomic Access = C.IBV_ACCESS_REMOTE_ATOMIC
)

// An MR is a registered region of memory that Go's collector does not own.
type MR struct {
	m             *C.struct_ibv_mr
	Local, Remote uint32 // its keys
}

// Register locks the pages of b, which must stay mapped, and registers them.
func (pd *PD) Register(b []byte, a Access) (*MR, error) {
	var mr MR
	if err := failed("ibv_reg_mr", C.jv_mr(pd.p, unsafe.Pointer(unsafe.SliceData(b)), C.size_t(len(b)), C.int(a), &mr.m)); err != nil {
		return nil, err
	}
	mr.Local, mr.Remote = uint32(mr.m.lkey), uint32(mr.m.rkey)
	return &mr, nil
}

// Free unlocks the region.
func (mr *MR) Free() error { return failed("ibv_dereg_mr", C.jv_mr_free(mr.m)) }
