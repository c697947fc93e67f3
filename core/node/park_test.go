package node

import (
	"sync"
	"testing"
)

// TestNoWakeIsLost has two threads wake each other in turn; a wake that came before the wait and was lost would stop both.
func TestNoWakeIsLost(t *testing.T) {
	var ping, pong parker
	const turns = 20000
	var both sync.WaitGroup
	both.Add(2)
	go func() {
		defer both.Done()
		for range turns {
			ping.wait()
			pong.wake()
		}
	}()
	go func() {
		defer both.Done()
		for range turns {
			ping.wake()
			pong.wait()
		}
	}()
	both.Wait()
}

func TestAWakeBeforeTheWaitCountsOnce(t *testing.T) {
	var p parker
	p.wake()
	p.wake()
	p.wait()
	if p.word.Load() != 0 {
		t.Error("a second wait would not sleep")
	}
}
