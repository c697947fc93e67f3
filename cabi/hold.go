package main

/*
#include <stddef.h>
*/
import "C"

import "jiajia/core/region"

// The exports of hold.c. An address below the region becomes an offset far beyond its end.

func offsetOf(at C.size_t) uint64 { return uint64(at) - uint64(region.DefaultBase) }

//export jiaGoPrefetch
func jiaGoPrefetch(at, size C.size_t) {
	running("jia_prefetch").Prefetch(offsetOf(at), uint64(size))
}

//export jiaGoPin
func jiaGoPin(at, size C.size_t) C.int {
	return -C.int(running("jia_pin_range").Pin(offsetOf(at), uint64(size)))
}

//export jiaGoUnpin
func jiaGoUnpin(at, size C.size_t) C.int {
	return -C.int(running("jia_unpin_range").Unpin(offsetOf(at), uint64(size)))
}
