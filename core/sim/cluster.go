package sim

import (
	"fmt"
	"io"
	"strings"

	"jiajia/core"
)

// Options say how to run a program.
type Options struct {
	Seed  uint64 // of the schedule
	Plant core.Plant
	trace io.Writer // every step goes there, when not nil
}

// Failure is what a run has found wrong.
type Failure struct {
	Text  string
	Steps int
}

func (f *Failure) Error() string { return fmt.Sprintf("%s (after %d steps)", f.Text, f.Steps) }

// host is one process of the job.
type host struct {
	id        core.HostID
	m         *core.Machine
	mem       memory
	diffs     map[uint64]*outDiff
	boxes     [][]*packet    // by waiter: what is on its way to the mailbox
	links     [][]*packet    // by sender, in order
	woken     []bool         // by waiter
	calls     []int          // by waiter: how many it was lent to
	sent      map[uint64]int // by diff message: the call of its waiter that sent it
	idle      []core.Waiter  // not borrowed by a call
	meetings  []int          // how many threads have come, by meeting
	marks     []bool         // by page: somebody has begun to read it by himself
	held      []bool         // by page: it is pinned, and has been writable since
	allocated bool
	restored  bool    // it began from a checkpoint
	record    []piece // the allocations that its program has made and not freed, in their order
	waiting   []piece // those of the checkpoint that the program has not asked for
	freeing   int     // threads in jia_free
	unpinned  int     // pinned pages of what they free; 0 if there are none
	short     bool    // the machine has asked for room
	part      *part   // of a checkpoint, that is being written
	late      func()  // second half of an atomic operation that a planted mistake has cut in two
}

type storedWord struct {
	page   core.PageID
	offset int
	value  uint64
}

// cluster is a run.
type cluster struct {
	opt      Options
	p        *Program
	r        source
	swarm    swarm
	hosts    []*host
	actors   []*actor
	laggard  *actor    // often held up
	net      []*packet // to servers
	words    *words
	reach    [][]bool // which hosts read and store at which by themselves
	jobs     []*job
	spare    []*job // that are over
	scripted bool   // a story says what happens next; nothing is left to chance
	hurried  bool   // nothing else could happen: delays are over
	storm    bool   // extra threads work, and unlikely things happen

	steps    int
	progress int // operations done
	messages int
	fail     *Failure

	// What the checkers know.
	flat    []byte              // one memory that takes every store at once
	holder  []*actor            // by lock
	inside  map[int][]*actor    // by reader/writer lock; a writer is there alone
	writers map[int]bool        // by reader/writer lock: who is inside is a writer
	wanted  map[int]int         // by lock: threads between the beginning of a lock and the end of the unlock
	wants   map[int]int         // by lock: how often one of them began
	arrived []int               // rendezvous begun, by host
	exited  []int               // rendezvous left, by host
	set     map[int]bool        // condition variables
	whole   map[[2]int]bool     // words that are one datum
	stored  map[storedWord]bool // values that such words ever had
	freedBy []int               // by first page of what is freed: hosts that have begun to
	asker   asker               // of the atomic operation that is about to be executed
	results map[asker]uint64    // of atomic operations: what the word held before
	cutting *cutting            // nil if there are no checkpoints
	readers []core.HostID       // of the checkpoint that the run begins from, by part
	loaded  int                 // hosts that have brought all home that they read of the checkpoint
	image   *image              // what the next run begins from, once this one is over; nil: nothing
}

// Limits on steps: how long the storm lasts, and how long a program may take after it.
const (
	stormSteps = 60 // for each operation of the program
	calmSteps  = 400
	spareSteps = 20_000
)

// newCluster prepares a run. Besides the pairs that are drawn, those of reached reach each other's memory.
func newCluster(p *Program, opt Options, s swarm, reached ...[2]core.HostID) *cluster {
	c := &cluster{opt: opt, p: p, swarm: s, r: source(opt.Seed ^ 0x5ca1ab1e),
		flat: make([]byte, p.pages*pageBytes), holder: make([]*actor, max(p.locks, 1)), arrived: make([]int, p.hosts),
		exited: make([]int, p.hosts), set: map[int]bool{}, whole: map[[2]int]bool{}, stored: map[storedWord]bool{},
		freedBy: make([]int, p.pages), results: map[asker]uint64{}, inside: map[int][]*actor{}, writers: map[int]bool{},
		wanted: map[int]int{}, wants: map[int]int{}}
	for _, d := range p.data {
		if d.size == wordBytes {
			c.whole[[2]int{int(d.page), d.offset}] = true
		}
	}
	if p.cuts {
		c.cutting = newCutting(p.hosts)
	}
	c.drawReach(reached)
	c.words = newWords(p.hosts)
	for id := range p.hosts {
		c.addHost(core.HostID(id))
	}
	return c
}

func (c *cluster) addHost(id core.HostID) {
	p := c.p
	threads := len(p.threads[id])
	waiters := threads + c.swarm.extras
	budget := c.drawBudget()
	if budget > 0 {
		waiters++ // the reaper
	}
	if p.image != nil {
		waiters++ // what loads
	}
	h := &host{id: id, diffs: map[uint64]*outDiff{}, boxes: make([][]*packet, waiters+1), links: make([][]*packet, p.hosts),
		woken: make([]bool, waiters+1), calls: make([]int, waiters+1), sent: map[uint64]int{}}
	cfg := core.Config{Self: id, Hosts: p.hosts, Pages: p.pages, PageSize: pageBytes, Base: base, Plant: c.opt.Plant, StepPages: c.swarm.stepPages,
		CachePages: budget, Cuts: p.cuts}
	if c.swarm.windows > 0 {
		cfg.Guess = c.guess
	} else {
		cfg.ReadAhead = c.swarm.readAhead
	}
	h.m = core.New(cfg)
	h.marks = make([]bool, p.pages)
	h.held = make([]bool, p.pages)
	if c.swarm.worded > 0 {
		h.m.SetWords(hostWords{c.words, c, id}, core.LockID(c.swarm.worded), c.swarm.room)
	}
	c.join(h)
	h.mem = memory{frames: make([]frame, p.pages), access: make([]access, p.pages), twins: make([]*frame, p.pages), has: make([]bool, p.pages)}
	for w := 1; w <= waiters; w++ {
		h.idle = append(h.idle, core.Waiter(w))
	}
	c.hosts = append(c.hosts, h)
	for t, ops := range p.threads[id] {
		c.actors = append(c.actors, &actor{h: h, name: fmt.Sprintf("%d.%d", id, t), owner: core.Owner(t), ops: ops, prio: c.r.next()})
		for _, o := range ops {
			if o.kind == opJoin && o.id >= len(h.meetings) {
				h.meetings = append(h.meetings, make([]int, o.id+1-len(h.meetings))...)
			}
		}
	}
	for t := range c.swarm.extras {
		c.actors = append(c.actors, &actor{h: h, name: fmt.Sprintf("%d.extra%d", id, t), random: true, prio: c.r.next()})
	}
	if budget > 0 {
		c.actors = append(c.actors, &actor{h: h, name: fmt.Sprintf("%d.reaper", id), reaper: true, prio: c.r.next()})
	}
	if p.cuts {
		c.actors = append(c.actors, &actor{h: h, name: fmt.Sprintf("%d.saver", id), saver: true, prio: c.r.next()})
	}
}

// guess draws the pages that a fault brings in besides its own: mostly neighbours.
func (c *cluster) guess(p core.PageID, dst []core.PageID) []core.PageID {
	if !c.r.chance(c.swarm.windows) {
		return dst
	}
	for i := range c.r.between(1, 4) {
		q := p + core.PageID(i) + 1
		if c.r.chance(25) {
			q = core.PageID(c.r.n(int(c.p.pages)))
		}
		dst = append(dst, q)
	}
	return dst
}

// leader returns thread 0 of a host.
func (c *cluster) leader(h int) *actor {
	for _, a := range c.actors {
		if int(a.h.id) == h {
			return a // the first of its host
		}
	}
	return nil
}

func (c *cluster) alloc(h *host) {
	for i, a := range c.p.allocs {
		if p := c.makes(h, a); c.p.places != nil && p != c.p.places[i] {
			c.failf("host %d: allocation at page %d instead of %d", h.id, p, c.p.places[i])
		}
	}
	h.allocated = true
}

// left checks that nobody leaves a rendezvous before everybody has come.
func (c *cluster) left(a *actor, o *op) {
	c.exited[a.h.id]++
	for h, n := range c.arrived {
		if n < c.exited[a.h.id] {
			c.failf("%s left %v number %d before host %d came", a.name, o.call, c.exited[a.h.id], h)
		}
	}
}

func (c *cluster) failf(format string, args ...any) {
	if c.fail == nil {
		text := fmt.Sprintf(format, args...)
		if c.p.image != nil {
			text = fmt.Sprintf("from generation %d: %s", c.p.image.number, text)
		}
		c.fail = &Failure{text, c.steps}
		c.tracef("FAILED: %s", c.fail.Text)
	}
}

func (c *cluster) must(h *host, err error) {
	if err != nil {
		c.failf("host %d: %v", h.id, err)
	}
}

// tracing guards calls of tracef whose arguments cost something.
func (c *cluster) tracing() bool { return c.opt.trace != nil }

func (c *cluster) tracef(format string, args ...any) {
	if c.tracing() {
		if !c.scripted {
			fmt.Fprintf(c.opt.trace, "%5d  ", c.steps)
		}
		fmt.Fprintf(c.opt.trace, format+"\n", args...)
	}
}

// Run runs a program, and those that follow from its checkpoints, to the end and returns what was wrong, or nil.
func Run(p *Program, opt Options) *Failure {
	failure, image := runOnce(p, opt)
	if failure != nil || image == nil || p.runs == 0 {
		return failure
	}
	return Run(image.next(p, opt))
}

// runOnce runs one program, and returns what the next one begins from, if there is anything.
func runOnce(p *Program, opt Options) (failure *Failure, next *image) {
	r := source(opt.Seed)
	if p.image != nil && opt.trace != nil {
		fmt.Fprintf(opt.trace, "---- a run from generation %d\n%v", p.image.number, p)
	}
	c := newCluster(p, opt, drawSwarm(&r))
	defer func() {
		if e := recover(); e != nil {
			if text, ok := e.(string); opt.Plant == core.PlantNone && !(ok && strings.HasPrefix(text, "core: ")) {
				panic(e) // a mistake of the simulator, which wants a stack
			}
			c.failf("panic: %v", e)
			failure = c.fail
		}
	}()
	if p.slow != 0 {
		c.swarm.slow = p.slow
	}
	c.storm = true
	if p.image != nil {
		c.beginFrom()
	}
	c.drawDisks()
	if r.chance(40) {
		c.laggard = c.actors[r.n(len(c.actors))]
		if r.chance(50) {
			c.laggard = c.leader(r.n(p.hosts))
		}
	}
	c.run()
	return c.fail, c.image
}

func (c *cluster) run() {
	ops := 0
	for _, a := range c.actors {
		ops += len(a.ops)
	}
	storm := stormSteps * ops
	limit := storm + calmSteps*ops*(1+c.p.hosts/4) + spareSteps
	for c.fail == nil && !c.crashed() {
		c.steps++
		if c.steps > storm || c.progress >= ops {
			c.storm = false
		}
		if c.steps > limit {
			c.failf("no end: %s", c.threads())
			return
		}
		if c.storm && c.swarm.spurious > 0 && c.r.n(10_000) < c.swarm.spurious {
			c.disturb()
		}
		if !c.next() {
			break
		}
	}
	if c.fail == nil && !c.crashed() {
		c.finish()
	}
	if c.fail == nil && c.cutting != nil {
		c.image = c.recover()
	}
}

// disturb wakes a thread that waits for something else.
func (c *cluster) disturb() {
	a := c.actors[c.r.n(len(c.actors))]
	if a.inCall && a.status == core.Parked {
		a.h.woken[a.waiter] = true
	}
}

// threads describes what everybody is doing.
func (c *cluster) threads() string {
	var b strings.Builder
	for _, a := range c.actors {
		if a.inCall || a.pc < len(a.ops) {
			fmt.Fprintf(&b, "\n  %v", a)
		}
	}
	fmt.Fprintf(&b, "\n  %d requests, %d jobs under way", len(c.net), len(c.jobs))
	return b.String()
}
