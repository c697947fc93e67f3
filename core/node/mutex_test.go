package node

import (
	"runtime"
	"sync"
	"testing"
)

// TestMutexExcludes has threads count under the mutex; the race detector, which knows atomics, watches as well.
func TestMutexExcludes(t *testing.T) {
	const threads, turns = 8, 20000
	var m mutex
	var count int
	var all sync.WaitGroup
	for range threads {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range turns {
				m.Lock()
				count++
				m.Unlock()
			}
		}()
	}
	all.Wait()
	if count != threads*turns {
		t.Errorf("counted %d, want %d", count, threads*turns)
	}
	if m.word.Load() != 0 {
		t.Error("the mutex is still held")
	}
}
