package node

import "sync/atomic"

// mutex is a lock between threads, not goroutines (U. Drepper, "Futexes Are Tricky", the second of its mutexes). The
// threads of the program enter Go one by one and are bound to their goroutines: a sync.Mutex would put such a goroutine to
// sleep in the Go scheduler, and its wake-up takes the detour through another thread of the runtime, for which all
// processors may be busy. Here the kernel wakes the very thread that waits.
//
// The zero value is unlocked. It is not fair.
type mutex struct {
	word atomic.Uint32 // 0 free, 1 held, 2 held and somebody may sleep
}

// mutexSpins is how often a thread looks before it sleeps: about as long as a short step of the machine.
const mutexSpins = 100

func (m *mutex) Lock() {
	if m.word.CompareAndSwap(0, 1) {
		return
	}
	for range mutexSpins {
		if m.word.Load() == 0 && m.word.CompareAndSwap(0, 1) {
			return
		}
	}
	for m.word.Swap(2) != 0 {
		futex(&m.word, futexWait, 2)
	}
}

func (m *mutex) TryLock() bool { return m.word.CompareAndSwap(0, 1) }

func (m *mutex) Unlock() {
	if m.word.Swap(0) == 2 {
		futex(&m.word, futexWake, 1)
	}
}
