package main

/*
#include <errno.h>
#include "calls.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"jiajia/core"
	"jiajia/core/region"
)

var _ [core.MostListed]struct{} = [C.JIA_MOST_LISTED]struct{}{}

//export jiaGoAllocAttr
func jiaGoAllocAttr(size C.ulong, placement, host C.int, block, alignment C.ulong, list *C.ulong, hosts *C.longlong, n C.ulong, name *C.char,
	at *C.ulong) C.int {
	a := core.Attr{Placement: core.Placement(placement), Host: uint64(host), Block: uint64(block), Alignment: uint64(alignment), Name: C.GoString(name)}
	a.Sizes = append(a.Sizes, unsafe.Slice((*uint64)(unsafe.Pointer(list)), int(n))...)
	if hosts != nil {
		a.Hosts = append(a.Hosts, unsafe.Slice((*uint64)(unsafe.Pointer(hosts)), int(n))...)
	}
	offset, err := running("jia_alloc_attr").AllocAttr(uint64(size), &a)
	switch {
	case err == nil:
		*at = C.ulong(region.DefaultBase) + C.ulong(offset)
		return 0
	case errors.Is(err, core.ErrNoRoom):
		job.log.Infof("%v", err)
		return C.ENOMEM
	}
	job.log.Infof("%v", err)
	return C.EINVAL
}

//export jiaGoHome
func jiaGoHome(address C.ulong) C.int {
	home, decided, ok := running("jia_home").Home(uint64(address))
	switch {
	case !ok:
		return -C.EINVAL
	case !decided:
		return -C.EAGAIN
	}
	return C.int(home)
}
