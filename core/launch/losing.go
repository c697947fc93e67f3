package launch

import (
	"sync"
	"time"
)

// callbackLimit is how long the program may take to do what it wants to do when a host was lost. The supervisor kills a host that is
// not gone after graceLimit.
const callbackLimit = 300 * time.Millisecond

// A Loser calls the program when a host was lost, before this process ends. The zero value calls nobody. Any goroutine may use it.
type Loser struct {
	mu   sync.Mutex
	do   func(host int, line string)
	done chan struct{} // closed when the call has returned; nil before there was one
}

// OnLoss has do called, once and in a goroutine of its own, when this process is about to end because a host was lost: which, -1 if
// that is not known, and why in one line. The process ends when do returns, or after 300 ms.
func (j *Job) OnLoss(do func(host int, line string)) { j.losing.Set(do) }

// Set says what to call; nil for nothing.
func (l *Loser) Set(do func(host int, line string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.do = do
}

// Lost makes the call, and returns when the process is to end.
func (l *Loser) Lost(host int, line string) {
	l.mu.Lock()
	if l.done == nil {
		l.done = make(chan struct{})
		do := l.do
		go func() {
			defer close(l.done)
			if do != nil {
				do(host, line)
			}
		}()
	}
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(callbackLimit):
	}
}
