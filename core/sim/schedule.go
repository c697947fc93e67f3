package sim

import "jiajia/core/wire"

// swarm is what the scheduler draws for a whole run.
type swarm struct {
	extras    int   // extra threads a host
	hints     []int // what they do: evict, clean, prefetch, pin
	extra     int   // weight of each kind of thing that can take the next step
	thread    int
	server    int
	job       int
	stepPages int       // core.Config
	spurious  int       // wake-ups without a reason, in 10,000 steps
	stall     int       // chance in 1,000 that a step or a message is held up
	slow      wire.Type // messages of this type are mostly held up
	balance   bool      // threads come along at the same rate
	oneSided  int       // chance in percent that two hosts reach each other's memory
	refuse    int       // chance in percent that it cannot be reached just now
	readAhead int       // core.Config, unless there are
	windows   int       // chance in percent that a fault brings in more than its page
	worded    int       // locks below this number have words
	room      int       // notices in an offer
	bounded   int       // chance in percent that a host has a page cache with a bound
	priority  bool      // the highest priority mostly goes first, so that some things take very long
}

// slowTypes are the messages that are worth holding up for a whole run.
var slowTypes = []wire.Type{wire.GetPage, wire.Page, wire.Diff, wire.DiffAck, wire.LockFwd, wire.LockGrant, wire.BarArrive, wire.BarRelease}

func drawSwarm(r *source) swarm {
	s := swarm{extras: r.pick(30, 40, 30), hints: []int{60, 10 * r.n(3), 30 * r.n(2)}, extra: []int{1, 4, 20, 100}[r.n(4)],
		thread: r.between(2, 20), server: r.between(1, 20), job: r.between(1, 20), spurious: 50 * r.n(2),
		stall: []int{0, 10, 50, 150}[r.n(4)], priority: r.chance(30), balance: r.chance(60)}
	if r.chance(60) {
		s.slow = slowTypes[r.n(len(slowTypes))]
	}
	if r.chance(40) {
		s.stepPages = r.between(1, 2)
	}
	s.oneSided = []int{0, 50, 100}[r.n(3)]
	s.refuse = []int{0, 5}[r.pick(70, 30)]
	s.windows = []int{0, 30, 90}[r.n(3)]
	s.readAhead = []int{0, 2, 4, 128}[r.n(4)]
	s.worded, s.room = []int{0, 1, 100}[r.pick(40, 10, 50)], []int{0, 1, 2, 14}[r.n(4)]
	s.bounded = []int{0, 50, 100}[r.pick(50, 15, 35)]
	s.hints = append(s.hints, 30*r.n(2), 30*r.pick(70, 30))
	s.hints = append(s.hints, 20*r.n(2))
	return s
}

// next lets one thing that can happen happen. It returns false when nothing can.
func (c *cluster) next() bool {
	if c.swarm.priority && c.storm && !c.r.chance(5) {
		return c.nextByPriority()
	}
	s := &c.swarm
	weights := [3]int{s.thread, s.server, s.job}
	if !c.storm {
		weights = [3]int{10, 10, 10}
	}
	for tries := 0; tries < 8; tries++ {
		switch c.r.pick(weights[:]...) {
		case 0:
			a := c.pickActor()
			if a.random && !a.inCall && c.r.n(200) >= s.extra {
				continue
			}
			if c.ready(a) {
				a.after = c.delay()
				c.step(a)
				return true
			}
		case 1:
			if len(c.net) == 0 {
				continue
			}
			if i := c.r.n(len(c.net)); c.due(c.net[i].after) {
				c.takeRequest(i)
				return true
			}
		case 2:
			if len(c.jobs) == 0 {
				continue
			}
			if i := c.r.n(len(c.jobs)); c.due(c.jobs[i].after) {
				c.takeJob(i)
				return true
			}
		}
	}
	return c.nextByPriority()
}

// pickActor draws a thread. With balance the one of two that is further behind is drawn, so that threads whose locks cost
// no message do not run away from the others.
func (c *cluster) pickActor() *actor {
	a := c.actors[c.r.n(len(c.actors))]
	if c.swarm.balance && !a.random {
		b := c.actors[c.r.n(len(c.actors))]
		if !b.random && b.pc*len(a.ops) < a.pc*len(b.ops) {
			return b
		}
	}
	return a
}

// nextByPriority takes the thing of the highest priority. Threads get a new one now and then.
func (c *cluster) nextByPriority() bool {
	var best uint64
	kind, at := -1, 0
	first := c.r.n(len(c.actors))
	for k := range c.actors {
		i := (first + k) % len(c.actors)
		a := c.actors[i]
		if (kind < 0 || a.prio > best) && c.ready(a) {
			if a.random && !a.inCall && c.r.n(200) >= c.swarm.extra {
				continue
			}
			kind, at, best = 0, i, a.prio
		}
	}
	for i, p := range c.net {
		if (kind < 0 || p.prio > best) && c.due(p.after) {
			kind, at, best = 1, i, p.prio
		}
	}
	for i, j := range c.jobs {
		if (kind < 0 || j.prio > best) && c.due(j.after) {
			kind, at, best = 2, i, j.prio
		}
	}
	switch kind {
	case 0:
		a := c.actors[at]
		if !c.storm || !a.inCall || c.r.chance(10) {
			a.prio = c.r.next()
		}
		c.step(a)
	case 1:
		c.takeRequest(at)
	case 2:
		c.takeJob(at)
	default:
		return c.anything()
	}
	return true
}

// anything looks once more: for what was held up or out of luck.
func (c *cluster) anything() bool {
	c.hurried = true
	defer func() { c.hurried = false }()
	for _, a := range c.actors {
		if (a.inCall || !a.random) && c.ready(a) {
			c.step(a)
			return true
		}
	}
	if len(c.net) > 0 {
		c.takeRequest(c.r.n(len(c.net)))
		return true
	}
	if len(c.jobs) > 0 {
		c.takeJob(c.r.n(len(c.jobs)))
		return true
	}
	return false
}

// hold is until when something does not go on: for so many steps of the run, and operations of the program, but for these no longer than
// until a step.
type hold struct{ step, progress, latest int }

// delay draws until when something that is beginning is held up: mostly not at all.
func (c *cluster) delay() hold {
	if !c.storm || c.r.n(1000) >= c.swarm.stall {
		return hold{}
	}
	return c.hold(400, 6)
}

// due tells whether the time that was drawn has come.
func (c *cluster) due(h hold) bool {
	return c.hurried || c.steps >= h.step && (c.progress >= h.progress || c.steps >= h.latest)
}

// hold draws a time: some steps, or until the threads of the program have done some operations.
func (c *cluster) hold(steps, progress int) hold {
	if c.r.chance(50) {
		return hold{step: c.steps + c.r.between(1, steps)}
	}
	// Threads that take a page from each other may not progress until a third one does.
	return hold{progress: c.progress + c.r.between(1, progress), latest: c.steps + 5000}
}

func (c *cluster) takeRequest(i int) {
	p := c.net[i]
	c.net[i] = c.net[len(c.net)-1]
	c.net = c.net[:len(c.net)-1]
	c.deliver(p)
}

func (c *cluster) takeJob(i int) {
	j := c.jobs[i]
	if !c.stepJob(j) {
		last := len(c.jobs) - 1
		c.jobs[i] = c.jobs[last]
		c.jobs = c.jobs[:last]
		c.spare = append(c.spare, j)
	}
}
