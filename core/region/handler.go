package region

// #cgo CFLAGS: -Wall -Wextra
// #include "fault.h"
import "C"

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// installHandlers puts the fault handler of fault.c in front of what handles synchronous signals now. sig is the one
// that the backend raises.
func installHandlers(cfg Config, sig unix.Signal) error {
	lo, hi := goText()
	errno := C.region_handlers_install(&C.struct_region_watch{
		signal:        C.int(sig),
		base:          C.uintptr_t(cfg.Base),
		size:          C.uint64_t(cfg.Size),
		page_size:     C.uint64_t(cfg.PageSize),
		go_text_begin: C.uintptr_t(lo),
		go_text_end:   C.uintptr_t(hi),
	})
	switch unix.Errno(errno) {
	case 0:
		return nil
	case unix.EBUSY:
		return fmt.Errorf("install the fault handlers: an earlier region's are still buried under handlers that " +
			"the program installed later")
	}
	return fmt.Errorf("install the fault handlers: %w", unix.Errno(errno))
}

// removeHandlers restores the handlers that were there before, unless the program has put its own on top since: then
// ours stay below them and pass everything on.
func removeHandlers() error {
	if errno := unix.Errno(C.region_handlers_remove()); errno != 0 {
		return fmt.Errorf("remove the fault handlers: %w", errno)
	}
	return nil
}

// jiaRegionFault is called by the signal handler on the thread that faulted. It allocates nothing and takes no lock
// of its own; what OnFault does is its affair.
//
//export jiaRegionFault
func jiaRegionFault(page C.uint64_t, write C.int) C.int {
	r := current.Load()
	if r != nil && r.onFault(uint64(page), Write(write)) {
		return 1
	}
	return 0
}
