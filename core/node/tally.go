package node

import (
	"time"

	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// call says which call of the program a thread is in, as far as the statistics care.
type call uint8

const (
	callOther call = iota // the zero value: one whose time counts as other waiting
	callWait              // jia_wait and jia_waitcv, which are counted
	callFault
	callLock
	callUnlock
	callBarrier
	callExit
	callCheckpoint
	callBackground // of a thread of the library, whose waits are nobody's
)

// clocks tells where the time goes for which a call had to wait.
var clocks = [...]stats.Field{
	callOther: stats.Waiting, callWait: stats.Waiting, callFault: stats.Faulting, callLock: stats.Locking,
	callUnlock: stats.Locking, callBarrier: stats.InBarriers, callExit: stats.InBarriers, callCheckpoint: stats.InBarriers,
}

// rendezvous tells the calls apart that are one.
var rendezvous = [...]call{wire.KindBarrier: callBarrier, wire.KindWait: callWait, wire.KindExit: callExit, wire.KindCheckpoint: callCheckpoint}

// tally counts what a host does. It is guarded by Node.mu, which every call holds where there is something to count, so
// that counting is an addition. The clock is read only for calls that are not over in one step.
type tally struct {
	// row has the counts; its Elapsed and Computing, and the levels, are not kept: totals fills them in.
	row     stats.Row
	began   time.Time
	main    uintptr // the thread that called jia_init, whose time is split
	window  stats.Window
	final   bool // the host has left the job, and last is what it did
	last    stats.Row
	waiting bool // the main thread waits, and pause is that wait
	pause   pause

	// worker is the thread whose speed the load balancing measures, 0 if none: it works since workBegan, but for the time
	// that it has waited.
	worker    uintptr
	workBegan time.Duration
	idle      time.Duration
}

// A pause is one wait of a thread in a call. Times are since tally.began.
type pause struct {
	thread uintptr
	since  time.Duration
	field  stats.Field // that the time counts as
}

// begin starts the clock. The calling thread is the one whose time is split. What the server has counted for faster
// hosts by then stays.
func (y *tally) begin() {
	y.began, y.main = time.Now(), self()
}

// pauses begins a wait of the calling thread. Every wait of a thread of the program in the library is one, between pauses and
// resumes: the times of the statistics and of the load balancing come from here alone.
func (y *tally) pauses(field stats.Field) pause {
	p := pause{thread: self(), since: time.Since(y.began), field: field}
	if p.thread == y.main {
		y.waiting, y.pause = true, p
	}
	return p
}

// resumes ends a wait and returns how long it was.
func (y *tally) resumes(p pause) time.Duration {
	now := time.Since(y.began)
	if p.thread == y.main {
		y.row[p.field] += uint64(now - p.since)
		y.waiting = false
	} else {
		y.row[stats.OtherThreads] += uint64(now - p.since)
	}
	if p.thread == y.worker {
		y.idle += now - p.since
	}
	return now - p.since
}

// pauses and resumes are those of the tally.
func (n *Node) pauses(field stats.Field) pause {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tally.pauses(field)
}

func (n *Node) resumes(p pause) {
	n.mu.Lock()
	n.tally.resumes(p)
	n.mu.Unlock()
}

// works makes the calling thread the one whose speed is measured, from now on.
func (y *tally) works() { y.worker, y.workBegan, y.idle = self(), time.Since(y.began), 0 }

// worked returns for how long that thread has computed.
func (y *tally) worked() time.Duration { return time.Since(y.began) - y.workBegan - y.idle }

// waits begins the wait of a call of t, once for each.
func (y *tally) waits(t *thread) {
	if t.call != callBackground {
		t.timed, t.pause = true, y.pauses(clocks[t.call])
	}
}

// completed counts a call of t that is done, and returns for how long it has waited.
func (y *tally) completed(t *thread) (waited time.Duration) {
	switch t.call {
	case callFault:
		if t.write {
			y.row[stats.WriteFaults]++
		} else {
			y.row[stats.ReadFaults]++
		}
	case callLock:
		switch {
		case t.refused:
		case t.granted:
			y.row[stats.LocksRemote]++
		default:
			y.row[stats.LocksLocal]++
		}
	case callBarrier:
		y.row[stats.Barriers]++
	case callWait:
		y.row[stats.Waits]++
	}
	if t.timed {
		waited = y.resumes(t.pause)
	}
	return waited
}

// sent counts a message of so many payload bytes.
func (y *tally) sent(payload uint64) {
	y.row[stats.MessagesSent]++
	y.row[stats.MessageBytesSent] += wire.HeaderSize + payload
}

// diff counts the diff of one page, 0 bytes long when the page has not changed.
func (y *tally) diff(size int) {
	if size > 0 {
		y.row[stats.DiffsSent]++
		y.row[stats.DiffBytesSent] += uint64(size)
	}
}

// received counts a message that has come.
func (y *tally) received(m *wire.Message) {
	y.row[stats.MessagesReceived]++
	y.row[stats.MessageBytesReceived] += wire.HeaderSize + m.Length
	switch m.Type {
	case wire.Page:
		y.row[stats.PageBytesFetched] += m.Length
	case wire.Diff:
		y.row[stats.DiffBytesReceived] += m.Length
	}
}

// does counts an effect that is no page's access.
func (y *tally) does(e *core.Effect, fx *core.Effects) {
	switch e.Kind {
	case core.Send, core.SendLink, core.Reply, core.ReplyPage:
		y.sent(wire.PayloadLen(&fx.Msgs[e.Msg]))
	}
}

// totals returns what was counted so far, all fields filled in.
func (n *Node) totals() stats.Row {
	y := &n.tally
	r := y.row
	now := time.Since(y.began)
	if y.waiting {
		r[y.pause.field] += uint64(now - y.pause.since)
	}
	r[stats.Elapsed] = uint64(now)
	r[stats.Computing] = r[stats.Elapsed] - r[stats.Faulting] - r[stats.Locking] - r[stats.InBarriers] - r[stats.InMessages] -
		r[stats.Waiting]
	r[stats.HomePages], r[stats.CachedPages] = n.machine.Usage()
	r[stats.MemoryBytes] = n.region.Used()
	r[stats.PagesAhead], r[stats.PagesAheadUnused] = n.machine.ReadAhead()
	r[stats.PagesEvicted], r[stats.PagesProbed], r[stats.PagesProbedUsed] = n.machine.Evictions()
	frames, most := n.machine.Cache()
	r[stats.CacheBytes], r[stats.CacheLimitBytes] = frames*uint64(n.cfg.PageSize), most*uint64(n.cfg.PageSize)
	return r
}
