package node

import (
	"crypto/rand"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/ckpt"
	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// Checkpoints says how a host's checkpoints are kept. Whether there are any is the same on all hosts; of the rest that differs, host 0's
// Interval, Keep and Full count.
type Checkpoints struct {
	Dir      string
	Interval time.Duration // from the beginning of one to that of the next that a barrier takes by itself; 0: never
	Keep     int           // complete generations, at least 1
	Full     int           // every which one has all pages, at least 1
	Compress bool

	// CopyBytes is how much memory the copies of pages may take that the program writes to before they are stored. Then its threads
	// wait at such pages. What other hosts send is taken in any case.
	CopyBytes uint64
}

// checkpoints is a host's part in taking checkpoints. A cut in a barrier begins one (checkpointcut.go), a goroutine stores it (checkpointsave.go),
// and host 0 makes it complete (checkpointend.go).
type checkpoints struct {
	cfg   *Checkpoints // nil: there are none
	store *ckpt.Store
	job   ckpt.JobID // at host 0

	// closed: other hosts' memory is not to be stored to without their processors, since they could not copy before.
	closed atomic.Bool
	// crowded: copies take too much memory.
	crowded atomic.Bool
	// turns counts events that threads wait for here; it is a futex.
	turns atomic.Uint32

	// Guarded by Node.mu.
	saving *saving // what was cut and has no result yet, or nil
	begun  uint64  // the generation that was cut last, 0 if none
	result int     // what became of the last one that has one: its generation or a negative error number; 0: none
	active bool    // the goroutine that stores is at work, if only at removing old files
	warned bool    // that there is no directory
	slow   slow    // what it is at

	// At host 0, guarded by Node.mu.
	ready     int       // how many hosts could store another one now
	readyHost []bool    // which ones
	next      uint64    // generation number of the next one, at least 1
	base      uint64    // the newest complete one of this run, 0 if none
	increment int       // how many complete ones came after the last full one
	last      time.Time // when the last one was planned; at first, when the host was opened
	// What is in the directory between the two is no past of this run: it began from an older generation, since these are damaged or the
	// user wanted it so. Of a fresh start from is 0, and nothing is between.
	from, first uint64 // the generation that the run began from, if it is in the same directory; the first that it has planned

	// What the parts of a host that know more than this one add. Set before the first cut.
	state     func() any // the manifest's State; called under Node.mu
	additions []addition

	plans   chan planned  // of the one that is being stored, from host 0
	reports chan reported // at host 0: of the others
	results chan concluded
}

func (c *checkpoints) open(cfg *Checkpoints, hosts int) {
	if cfg == nil {
		return
	}
	c.cfg, c.store = cfg, ckpt.Open(cfg.Dir)
	_, _ = rand.Read(c.job[:]) // it does not fail
	c.next, c.last = 1, time.Now()
	c.readyHost, c.slow.patience = make([]bool, hosts), patience
	c.plans, c.results = make(chan planned, 1), make(chan concluded, 1)
	c.reports = make(chan reported, hosts)
}

// Checkpoint is jia_checkpoint and, without wait, jia_checkpoint_start.
func (n *Node) Checkpoint(owner core.Owner, wait bool) int {
	c := &n.ckpt
	n.mu.Lock()
	before := c.begun
	n.mu.Unlock()
	n.Rendezvous(owner, wire.KindCheckpoint)
	n.mu.Lock()
	begun, warned := c.begun, c.warned
	c.warned = warned || begun == before
	n.mu.Unlock()
	switch {
	case begun == before: // the plan is host 0's, and it had none
		if n.cfg.Self == 0 && !warned {
			n.cfg.Log.Warnf("no checkpoint is taken where the program asks for one, for there is no place for it: name a directory with JIA_CKPT_DIR")
		}
		return -int(unix.EINVAL)
	case !wait:
		return number(begun)
	}
	return n.CheckpointWait()
}

// number is a generation as the program sees it.
func number(generation uint64) int { return int(min(generation, math.MaxInt32)) }

// CheckpointWait is jia_checkpoint_wait.
func (n *Node) CheckpointWait() (result int) {
	c := &n.ckpt
	n.mu.Lock()
	mine := c.saving
	result = c.result
	n.mu.Unlock()
	if mine != nil {
		n.awaitTurn(func() bool {
			result = c.result
			return c.saving != mine
		})
	}
	return result
}

// finishCheckpoint waits until nothing is being stored, at host 0 anywhere: a host does so before it leaves the job.
func (n *Node) finishCheckpoint() {
	if c := &n.ckpt; c.cfg != nil {
		n.awaitTurn(func() bool { return !c.active && (n.cfg.Self != 0 || c.ready == n.cfg.Hosts) })
		c.store.Release()
	}
}

// awaitTurn has a thread of the program wait until a condition holds, which is looked at under mu.
func (n *Node) awaitTurn(holds func() bool) { n.awaitTurnIn(nil, holds) }

// awaitTurnIn is awaitTurn in the middle of a call of t, which is nil if there is none.
func (n *Node) awaitTurnIn(t *thread, holds func() bool) {
	c := &n.ckpt
	counts := t == nil || !t.timed // else the call's time does
	var p pause
	for waits := false; ; waits = true {
		seen := c.turns.Load()
		n.mu.Lock()
		done := holds()
		switch {
		case done && waits && counts:
			n.tally.resumes(p)
		case !done && !waits:
			if counts {
				p = n.tally.pauses(stats.Waiting)
			}
			late := time.AfterFunc(c.slow.patience, n.sayWhatIsSlow)
			defer late.Stop()
		}
		n.mu.Unlock()
		if done {
			return
		}
		futex(&c.turns, futexWait, uintptr(seen))
	}
}

// turn has those in awaitTurn look again.
func (c *checkpoints) turn() {
	c.turns.Add(1)
	futex(&c.turns, futexWake, math.MaxInt32)
}

// throttle has a thread that is about to write, or is in the middle of a call (t), wait while copies take too much memory.
func (n *Node) throttle(t *thread) {
	if n.ckpt.crowded.Load() {
		n.awaitTurnIn(t, func() bool { return !n.ckpt.crowded.Load() })
	}
}

// plan has host 0 decide whether the rendezvous that it is about to enter takes a checkpoint, and tell the others what of it does not
// fit into the barrier's messages.
func (n *Node) plan(kind wire.Kind) {
	c := &n.ckpt
	if n.cfg.Self != 0 || c.cfg == nil || kind != wire.KindBarrier && kind != wire.KindCheckpoint {
		return
	}
	if kind == wire.KindCheckpoint {
		n.awaitTurn(func() bool { return c.ready == n.cfg.Hosts })
	} else if c.cfg.Interval == 0 {
		return
	}
	n.mu.Lock()
	since := time.Since(c.last)
	if c.ready < n.cfg.Hosts || kind == wire.KindBarrier && since < c.cfg.Interval {
		n.mu.Unlock()
		if since >= c.cfg.Interval+c.slow.patience { // nobody else would say that there are no checkpoints any more
			n.sayWhatIsSlow()
		}
		return
	}
	p := planned{Generation: c.next, Job: c.job}
	if c.first == 0 {
		c.first = c.next
	}
	if c.increment+1 < c.cfg.Full {
		p.Base = c.base
	}
	c.next++
	c.ready, c.last = 0, time.Now()
	clear(c.readyHost)
	n.machine.PlanCut(core.Cut{Generation: p.Generation, Full: p.Base == 0})
	n.mu.Unlock()
	c.plans <- p
	n.tell(wire.CkptPlan, p.Generation, p)
}
