package main

/*
#include "calls.h"
*/
import "C"

import "jiajia/core"

// calls.h numbers the modes as core does.
var _ [core.RWWrite + core.RWTry]struct{} = [C.JIA_RW_WRITE | C.JIA_RW_TRY]struct{}{}

//export jiaGoTryLock
func jiaGoTryLock(owner C.ulong, id C.int) C.int {
	return entered(running("jia_trylock").TryLock(core.Owner(owner), core.LockID(id)))
}

//export jiaGoRWLock
func jiaGoRWLock(owner C.ulong, id, mode C.int) C.int {
	how := core.RWMode(mode)
	return entered(running(how.String()).RWLock(core.Owner(owner), core.LockID(id), how))
}

//export jiaGoRWUnlock
func jiaGoRWUnlock(owner C.ulong, id C.int) {
	running("jia_rwlock_unlock").RWUnlock(core.Owner(owner), core.LockID(id))
}

func entered(yes bool) C.int {
	if yes {
		return 1
	}
	return 0
}
