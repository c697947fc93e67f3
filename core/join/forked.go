package join

/*
#include "launcher.h"
*/
import "C"

import (
	"sync"
	"syscall"
)

// forked is which places of forked.c's list are free.
var forked struct {
	prepare sync.Once
	sync.Mutex
	free []C.int
	next C.int // no place from here on was ever taken
}

// keepFromChildren has children that the program forks close their copy of a connection or a listener. release must be called
// before it is closed here, since its descriptor may then become the program's. It does nothing when the list is full.
func keepFromChildren(conn any) (release func()) {
	release = func() {}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return release
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return release
	}
	forked.prepare.Do(func() { C.jia_forked_prepare() }) // it can only fail for lack of memory
	forked.Lock()
	defer forked.Unlock()
	var place C.int
	switch n := len(forked.free); {
	case n > 0:
		place, forked.free = forked.free[n-1], forked.free[:n-1]
	case forked.next < C.JIA_FORKED_MOST:
		place = forked.next
		forked.next++
	default:
		return release
	}
	_ = raw.Control(func(fd uintptr) { C.jia_forked_set(place, C.int(fd)) }) // one that is closed already needs nothing
	return func() {
		forked.Lock()
		defer forked.Unlock()
		C.jia_forked_set(place, -1)
		forked.free = append(forked.free, place)
	}
}
