package launch

import (
	"errors"

	"golang.org/x/sys/unix"
)

// A ward is a host in an agent's care.
type ward struct {
	child
	rank    int
	outbox  outbox
	credit  [2]int  // bytes that may be sent of each stream
	watched [2]bool // the loop watches the stream. Invariant: only while there is credit
	ended   bool
}

// readControl passes on what a host says to the supervisor.
func (a *agent) readControl(w *ward) {
	buf := make([]byte, maxLine)
	for w.control >= 0 {
		n, err := unix.Read(w.control, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		case n <= 0:
			a.loop.unwatch(w.control)
			_ = unix.Close(w.control)
			w.control = -1
			a.say(frame{kind: frameClosed, rank: uint32(w.rank)})
		default:
			a.say(frame{frameControl, uint32(w.rank), buf[:n]})
		}
	}
}

// watchStream has the output of a host read while the supervisor takes it.
func (a *agent) watchStream(w *ward, i int) error {
	if w.streams[i] < 0 || w.watched[i] || w.credit[i] <= 0 {
		return nil
	}
	w.watched[i] = true
	return a.loop.watch(w.streams[i], func() { a.readStream(w, i, min(w.credit[i], maxLine)) })
}

// readStream passes on up to limit bytes of a host's output, and reports how many there were.
func (a *agent) readStream(w *ward, i, limit int) int {
	buf := make([]byte, limit)
	n, err := unix.Read(w.streams[i], buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0
	}
	if n <= 0 { // every writer has closed it
		a.closeStream(w, i)
		return 0
	}
	a.say(frame{[]frameKind{frameOut, frameErr}[i], uint32(w.rank), buf[:n]})
	if w.credit[i] -= n; w.credit[i] <= 0 && w.watched[i] {
		a.loop.unwatch(w.streams[i])
		w.watched[i] = false
	}
	return n
}

func (a *agent) closeStream(w *ward, i int) {
	if w.streams[i] < 0 {
		return
	}
	if w.watched[i] {
		a.loop.unwatch(w.streams[i])
	}
	_ = unix.Close(w.streams[i]) // the read end of a pipe has nothing to lose
	w.streams[i], w.watched[i] = -1, false
}

// childEnded is called for every child that is gone. What is left in its pipes goes along in spite of the credit, since the
// supervisor shall hear of the death at once: that is no more than a pipe holds.
func (a *agent) childEnded(pid int, status unix.WaitStatus) {
	for _, w := range a.hosts {
		if w.pid != pid || w.ended {
			continue
		}
		a.readControl(w)
		for i := range w.streams {
			a.drain(w, i)
			a.closeStream(w, i)
		}
		w.ended = true
		a.say(endedFrame(w.rank, status))
		a.left--
	}
	if a.left == 0 && len(a.hosts) > 0 {
		a.loop.stop()
	}
}

// drain passes on what is in a pipe at the moment of the call: a process that outlives the host may go on filling it.
func (a *agent) drain(w *ward, i int) {
	if w.streams[i] < 0 {
		return
	}
	left, err := unix.IoctlGetInt(w.streams[i], unix.TIOCINQ) // FIONREAD by its other name
	for err == nil && left > 0 {
		n := a.readStream(w, i, min(left, maxLine))
		if n == 0 {
			return
		}
		left -= n
	}
}
