package main

/*
#include "calls.h"
*/
import "C"

import "jiajia/core"

// calls.h numbers the operations as core does.
var _ [core.AtomicCompareExchange]struct{} = [C.JIA_ATOMIC_COMPARE_EXCHANGE]struct{}{}

//export jiaGoAtomic
func jiaGoAtomic(kind, width C.int, object, operand, compare C.ulong) C.ulong {
	a := core.Atomic{Kind: core.AtomicKind(kind), Width: uint64(width), Operand: uint64(operand), Compare: uint64(compare)}
	n := job.node.Load()
	if n == nil || job.left.Load() {
		n = running(a.Call()) // which does not return
	}
	return C.ulong(n.Atomic(uintptr(object), a))
}
