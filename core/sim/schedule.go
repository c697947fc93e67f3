package sim

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
			a := c.actors[c.r.n(len(c.actors))]
			if a.random && !a.inCall && c.r.n(20) >= s.extra {
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

// nextByPriority takes the thing of the highest priority. Threads get a new one now and then.
func (c *cluster) nextByPriority() bool {
	var best uint64
	kind, at := -1, 0
	first := c.r.n(len(c.actors))
	for k := range c.actors {
		i := (first + k) % len(c.actors)
		a := c.actors[i]
		if (kind < 0 || a.prio > best) && c.ready(a) {
			if a.random && !a.inCall && c.r.n(20) >= c.swarm.extra {
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
		if !c.storm || c.r.chance(10) {
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
		if c.ready(a) {
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

// delay draws the step before which something that is beginning does not go on: mostly this one, sometimes a late one.
func (c *cluster) delay() int {
	if !c.storm || c.r.n(1000) >= c.swarm.stall {
		return 0
	}
	return c.steps + c.r.between(1, 400)
}

// due tells whether the time that delay drew has come.
func (c *cluster) due(after int) bool { return c.steps >= after || c.hurried }

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
	}
}
