package lab

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A stillness counts how long the virtual machine has stood still: a loaded host gives its processors to others for much of the time,
// while its clock goes on. A thread that comes before all others in here sleeps for short times, and what it oversleeps is
// that. What the programs in here do, or keep the kernel in here busy with, does not count.
type stillness struct {
	mu    sync.Mutex
	stood time.Duration
}

const (
	napTime  = 10 * time.Millisecond
	wakeTime = 2 * time.Millisecond // what waking up may take by itself
)

// still is that of this virtual machine. Constant after inside.
var still *stillness

// A moment is a time, and how long the virtual machine had stood still until then.
type moment struct {
	at    time.Time
	stood time.Duration
}

func now() moment { return moment{time.Now(), still.total()} }

// watchStillness starts to count; it never ends.
func watchStillness() (*stillness, error) {
	s := new(stillness)
	ready := make(chan error)
	go func() {
		runtime.LockOSThread()
		first := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 50}
		err := unix.SchedSetAttr(0, &first, 0)
		ready <- err
		for err == nil {
			before := time.Now()
			nap := unix.NsecToTimespec(int64(napTime))
			err = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &nap, nil)
			if err == unix.EINTR { // the runtime's signals
				err = nil
			}
			if late := time.Since(before) - napTime; late > wakeTime {
				s.mu.Lock()
				s.stood += late
				s.mu.Unlock()
			}
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("a thread that comes before others: %w", err)
	}
	return s, nil
}

// total returns how long it has stood still since it is watched.
func (s *stillness) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stood
}
