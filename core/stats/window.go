package stats

// A Window is what is shown of a host's numbers: all since the start or, once the program has said so, what was counted
// while it wanted counting. The zero value shows all. Not safe for concurrent use.
type Window struct {
	asked  bool // Open or Close was called
	closed bool
	base   Row // what had been counted when the open window began
	sum    Row // of the windows that are closed
}

// Open begins a window; now is what has been counted so far. The first call drops what was counted before it, unless
// Close came first. It does nothing when the program has opened a window already.
func (w *Window) Open(now Row) {
	if !w.asked || w.closed {
		w.base = now
	}
	w.asked, w.closed = true, false
}

// Close ends the window; without an Open before it, the one that began with the job.
func (w *Window) Close(now Row) {
	if !w.closed {
		w.sum = w.sum.Plus(now.Since(w.base))
	}
	w.asked, w.closed = true, true
}

// Shown returns the numbers of all windows together, and levels as they are now.
func (w *Window) Shown(now Row) Row {
	r := w.sum
	if !w.closed {
		r = r.Plus(now.Since(w.base))
	}
	for f := range r {
		if Fields[f].Level {
			r[f] = now[f]
		}
	}
	return r
}
