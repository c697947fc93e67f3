package main

/*
#include <errno.h>
#include "pool.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math/bits"
	"unsafe"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/wire"
	"jiajia/pool"
)

// The exports of pool.c. Objects are named by their offsets in the pool.

// What both sides know must be the same.
var (
	_ [node.MaxPools]struct{}    = [C.POOL_MOST]struct{}{}
	_ [pool.MaxClasses]struct{}  = [C.POOL_CLASSES]struct{}{}
	_ [pool.Granule]struct{}     = [C.POOL_GRANULE]struct{}{}
	_ [pool.MaxSmall]struct{}    = [C.POOL_SMALL]struct{}{}
	_ [pool.LargeObject]struct{} = [C.POOL_LARGE]struct{}{}
)

// poolCheck is JIA_POOL_CHECK, from jia_init on.
var poolCheck bool

//export jiaGoPoolCheck
func jiaGoPoolCheck() C.int {
	running("jia_pool_create")
	if poolCheck {
		return 1
	}
	return 0
}

//export jiaGoPoolPageSize
func jiaGoPoolPageSize() C.ulong { return C.ulong(running("jia_pool_create").Region().PageSize()) }

//export jiaGoPoolCreate
func jiaGoPoolCreate(owner C.ulong, w *C.struct_jia_pool_wanted, p *C.struct_jia_pool) C.int {
	n := running("jia_pool_create")
	made, err := n.PoolCreate(core.Owner(owner), node.PoolConfig{
		Name: C.GoString(w.name), Bytes: uint64(w.bytes), Align: uint64(w.align), Object: uint64(w.object),
		Placement: node.PoolPlacement(w.placement), Host: wire.HostID(w.host), Mix: w.mix != 0,
	})
	if errors.Is(err, node.ErrNoRoom) {
		return -C.ENOMEM
	}
	p.base = (*C.char)(unsafe.Add(unsafe.Pointer(nil), n.Region().Base()+uintptr(made.Base))) // shared memory is no Go memory
	p.bytes, p.serial = C.ulong(made.Bytes), C.ulong(made.Serial)
	p.shift = C.uint(bits.TrailingZeros(uint(n.Region().PageSize())))
	p.pages = (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(made.Tables.Pages)))
	p.live = (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(made.Tables.Live)))
	p.classes = C.int(len(made.Classes.Sizes))
	for i, size := range made.Classes.Sizes {
		p.sizes[i] = C.uint32_t(size)
		p.small = C.ulong(size)
	}
	for i, class := range made.Classes.Of {
		p.class_of[i] = C.uint8_t(class)
	}
	return C.int(made.ID)
}

func offsets(list *C.ulong, n C.int) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(list)), int(n))
}

//export jiaGoPoolTake
func jiaGoPoolTake(id, class C.int, dst *C.ulong, n C.int) C.int {
	return C.int(running("jia_pool_alloc").PoolTake(int(id), int(class), offsets(dst, n)))
}

//export jiaGoPoolPut
func jiaGoPoolPut(id C.int, objects *C.ulong, n C.int) {
	running("jia_pool_free").PoolPut(int(id), offsets(objects, n))
}

//export jiaGoPoolAlloc
func jiaGoPoolAlloc(id C.int, size, align C.ulong, fresh *C.int) C.ulong {
	at, unused, ok := running("jia_pool_alloc").PoolAlloc(int(id), uint64(size), uint64(align))
	if !ok {
		return C.POOL_NOTHING
	}
	*fresh = 0
	if unused {
		*fresh = 1
	}
	return C.ulong(at)
}

//export jiaGoPoolFree
func jiaGoPoolFree(id C.int, at C.ulong) { running("jia_pool_free").PoolFree(int(id), uint64(at)) }

//export jiaGoPoolSize
func jiaGoPoolSize(id C.int, at C.ulong) C.ulong {
	return C.ulong(running("jia_pool_realloc").PoolSize(int(id), uint64(at)))
}

//export jiaGoPoolReset
func jiaGoPoolReset(owner C.ulong, id C.int) C.ulong {
	return C.ulong(running("jia_pool_reset").PoolReset(core.Owner(owner), int(id)))
}

//export jiaGoPoolDestroy
func jiaGoPoolDestroy(owner C.ulong, id C.int) {
	if err := running("jia_pool_destroy").PoolDestroy(core.Owner(owner), int(id)); err != nil {
		fail(fmt.Sprintf("host %d: jia_pool_destroy(%d): %v", job.self, int(id), err))
	}
}

//export jiaGoPoolStats
func jiaGoPoolStats(id C.int, words *C.ulong) {
	st, counts, err := running("jia_pool_stats").PoolStats(int(id))
	if err != nil {
		fail(fmt.Sprintf("host %d: jia_pool_stats(%d): %v", job.self, int(id), err))
	}
	copy(offsets(words, C.POOL_WORDS), []uint64{st.Objects, st.Bytes, st.Held, st.Peak, st.Room, st.Borrowed, st.Lent,
		counts.Asked, counts.Returned})
}
