//go:build !amd64

package shm

// #cgo CFLAGS: -O2 -Wall
// #cgo nocallback jia_shm_fence
// static inline void jia_shm_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
import "C"

// fence orders all stores before it with all loads after it, which sync/atomic does not promise for plain ones.
func fence() { C.jia_shm_fence() }
