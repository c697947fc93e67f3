package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"jiajia/ckpt"
	"jiajia/core/wire"
)

// How a checkpoint becomes complete. Host 0 plans it and tells the others (CkptPlan). Each host reports its part (CkptPart). Host 0 commits the
// manifest when all parts are on disk, and tells what became of it (CkptResult). A host that is ready for another one says so
// (CkptDone), at first when it joins, with the lowest number that its directory has room for. What follows are the texts of
// these messages.

type planned struct {
	Generation uint64
	Base       uint64 // 0: it is full
	Job        ckpt.JobID
}

type reported struct {
	Host       wire.HostID
	Generation uint64
	Part       ckpt.Part
	Errno      int    // above 0 if the part was not written
	Why        string // one line
	BaseGone   bool   // the next one has to be full
}

type concluded struct {
	Generation uint64
	Errno      int      // 0: it is complete
	Keep       []uint64 // generations
}

// reportOf words what came of writing this host's part.
func reportOf(part ckpt.Part, err error) reported {
	if err == nil {
		return reported{Part: part}
	}
	return reported{Errno: errnoOf(err), Why: err.Error(), BaseGone: errors.Is(err, ckpt.ErrBase)}
}

// errnoOf returns the error number behind an error.
func errnoOf(err error) int {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errno > 0:
		return int(errno)
	case errors.Is(err, ckpt.ErrBase):
		return int(syscall.ENOENT)
	}
	return int(syscall.EIO)
}

// tell sends a message about a checkpoint to all other hosts.
func (n *Node) tell(t wire.Type, generation uint64, what any) {
	for h := range wire.HostID(n.cfg.Hosts) {
		if h != n.cfg.Self {
			n.say(h, t, generation, what)
		}
	}
}

func (n *Node) say(to wire.HostID, t wire.Type, generation uint64, what any) {
	text, err := json.Marshal(what)
	if err != nil {
		n.fail(fmt.Errorf("word a %v: %w", t, err))
	}
	n.post(to, &wire.Message{Type: t, Obj: generation, Text: string(text)})
}

// serveCheckpoint takes a message about a checkpoint. Nobody has more of a kind under way than its channel holds.
func (s *server) serveCheckpoint(m *wire.Message) error {
	c := &s.n.ckpt
	s.n.mu.Lock()
	s.n.tally.received(m)
	s.n.mu.Unlock()
	master := s.n.cfg.Self == 0
	switch {
	case c.cfg == nil:
	case m.Type == wire.CkptDone && master:
		s.n.countReady(m.From, m.Version)
		return nil
	case m.Type == wire.CkptPart && master:
		return handOn(c.reports, m, func(r *reported) { r.Host, r.Generation = m.From, m.Obj })
	case m.Type == wire.CkptPlan && m.From == 0 && !master:
		return handOn(c.plans, m, func(p *planned) { p.Generation = m.Obj })
	case m.Type == wire.CkptResult && m.From == 0 && !master:
		return handOn(c.results, m, func(r *concluded) { r.Generation = m.Obj })
	}
	return fmt.Errorf("host %d sent an unexpected %v (generation %d)", m.From, m.Type, m.Obj)
}

// handOn decodes the text of a message and hands it to the goroutine that waits for it.
func handOn[T any](to chan T, m *wire.Message, complete func(*T)) error {
	var what T
	if err := json.Unmarshal([]byte(m.Text), &what); err != nil {
		return fmt.Errorf("%v of host %d: %w", m.Type, m.From, err)
	}
	complete(&what)
	select {
	case to <- what:
		return nil
	default:
		return fmt.Errorf("host %d sent more than one %v (generation %d)", m.From, m.Type, m.Obj)
	}
}

// conclude returns what became of a checkpoint of which this host has written its part, or not. ok is false when the host is closed.
func (n *Node) conclude(s *saving, p planned, own reported) (done concluded, ok bool) {
	c := &n.ckpt
	if n.cfg.Self != 0 {
		n.say(0, wire.CkptPart, s.generation, own)
		select {
		case done = <-c.results:
		case <-n.over:
			return done, false
		}
		if done.Generation != s.generation {
			n.fail(fmt.Errorf("host 0 has a result of checkpoint %d, not of checkpoint %d", done.Generation, s.generation))
		}
		return done, true
	}
	all := make([]reported, n.cfg.Hosts)
	all[0] = own
	for range n.cfg.Hosts - 1 {
		select {
		case r := <-c.reports:
			if r.Generation != s.generation {
				n.fail(fmt.Errorf("host %d reports checkpoint %d, not checkpoint %d", r.Host, r.Generation, s.generation))
			}
			all[r.Host] = r
		case <-n.over:
			return done, false
		}
	}
	n.atDisk("completing it in")
	done = n.commit(s, p, all)
	n.atDisk("")
	n.tell(wire.CkptResult, s.generation, done)
	return done, true
}

// commit makes a checkpoint complete, if all hosts have their parts.
func (n *Node) commit(s *saving, p planned, all []reported) concluded {
	c := &n.ckpt
	done := concluded{Generation: s.generation}
	bad, baseGone := 0, false
	var first reported
	for h, r := range all {
		baseGone = baseGone || r.BaseGone
		if r.Errno != 0 {
			if bad++; bad == 1 {
				first, first.Host = r, wire.HostID(h)
			}
		}
	}
	if bad == 0 {
		if err := n.writeManifest(s, p, all); err != nil {
			first, bad = reportOf(ckpt.Part{}, err), 1
			baseGone = first.BaseGone
		}
	}
	n.mu.Lock()
	newest := c.base
	if done.Errno = first.Errno; bad == 0 {
		c.base = s.generation
		if c.increment++; s.full {
			c.increment = 0
		}
	} else if baseGone {
		c.base, c.increment = 0, 0
	}
	n.mu.Unlock()
	if bad > 0 {
		n.cfg.Log.Warnf("%s", failed(first, bad, s.generation, newest))
		return done
	}
	keep, err := c.store.KeepAmong(c.cfg.Keep, c.isPast)
	if err != nil {
		n.cfg.Log.Warnf("old checkpoints are left behind: %v", err)
	}
	done.Keep = keep
	return done
}

// isPast tells whether a generation leads to what this run does now. Called by the goroutine that stores, between plans.
func (c *checkpoints) isPast(generation uint64) bool {
	return c.from == 0 || generation <= c.from || generation >= c.first
}

// failed words what kept a checkpoint from being written.
func failed(r reported, bad int, generation, newest uint64) string {
	others := ""
	if bad > 1 {
		others = fmt.Sprintf(" (and %d more host(s))", bad-1)
	}
	stays := "there is no complete one of this run yet"
	if newest > 0 {
		stays = fmt.Sprintf("generation %d stays the newest", newest)
	}
	return fmt.Sprintf("host %d%s: checkpoint %d was not written: %s; %s", r.Host, others, generation, r.Why, stays)
}

func (n *Node) writeManifest(s *saving, p planned, all []reported) error {
	state, err := json.Marshal(s.state)
	if err != nil {
		return fmt.Errorf("word the state: %w", err)
	}
	m := &ckpt.Manifest{Job: p.Job, Generation: p.Generation, Base: p.Base, Hosts: n.cfg.Hosts, PageSize: n.cfg.PageSize,
		Time: time.Now().Add(-time.Since(s.began)), State: state}
	for _, r := range all {
		m.Parts = append(m.Parts, r.Part)
	}
	return n.ckpt.store.Commit(m)
}

// readyForNext tells host 0 that this host can take part in another checkpoint.
func (n *Node) readyForNext() {
	next, err := n.ckpt.store.Next()
	if err != nil {
		next = 1 // whatever it is will show when something is to be written
	}
	if n.cfg.Self == 0 {
		n.countReady(0, next)
		return
	}
	n.post(0, &wire.Message{Type: wire.CkptDone, Version: next})
}

// countReady counts a host that is ready, at host 0. next is the lowest generation number that its directory has room for.
func (n *Node) countReady(host wire.HostID, next uint64) {
	c := &n.ckpt
	n.mu.Lock()
	c.ready++
	c.readyHost[host] = true
	c.next = max(c.next, next)
	n.mu.Unlock()
	c.turn()
}
