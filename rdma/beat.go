//go:build rdma

package rdma

import (
	"sync/atomic"
	"time"

	"jiajia/core/pulse"
	"jiajia/rdma/verbs"
)

// beats is how the hosts of a job know of each other that they live. Each has a counter, which a thread of its own moves on, in memory that
// peers read with their probes: so a host that hangs is found although its device answers. Peers may only read there, and as they do so over
// service connections, it lies in these queue pairs' protection domain.
type beats struct {
	t       *Transport
	memory  registered
	words   []atomic.Uint64 // the counter, and behind it what was read of each peer's
	clock   pulse.Clock
	monitor *pulse.Monitor // of the loop's thread, once the transport serves; nil: hosts do not beat
}

// open makes the memory.
func (b *beats) open(t *Transport) (err error) {
	b.t = t
	if b.memory, err = makeRegistered(t.lobby, 8*(1+len(t.peers)), verbs.LocalWrite|verbs.RemoteRead); err != nil {
		return verbs.Locked(err, 8*(1+len(t.peers)))
	}
	b.words = words(b.memory.b)
	return nil
}

// place is where the counter is for peers.
func (b *beats) place() place { return place{verbs.Address(b.memory.b), b.memory.mr.Remote} }

// start begins to beat and to listen, if the hosts do so. Within enter.
func (b *beats) start() {
	deadline := b.t.o.PeerTimeout
	if deadline == 0 {
		return
	}
	b.words[0].Add(1) // at once: silence counts from the first beat on
	m := pulse.NewMonitor(deadline, len(b.t.peers), time.Now())
	b.t.loop.do(func() { b.monitor = m })
	b.t.calls.Add(1)
	go func() {
		defer b.t.calls.Done()
		b.clock.Run(pulse.Interval(deadline), func(time.Time) { b.words[0].Add(1) })
	}()
}

// look takes in what the last probe has read of a peer's counter. Loop's thread, as the rest.
func (b *beats) look(p *peer) {
	if now := b.words[1+p.id].Load(); now != p.beat {
		p.beat, p.heard = now, true
	}
}

// ask has the next probe read it.
func (b *beats) ask(p *peer) error {
	to := b.memory.b[8*(1+p.id):][:8]
	return p.service.question(true, func(wr uint64) error {
		return p.service.qp.Read(wr, to, b.memory.mr.Local, p.beats.addr, p.beats.key, verbs.Signaled)
	})
}

// tick gives up the peers whose counters have stood still for too long.
func (b *beats) tick() {
	if b.monitor == nil {
		return
	}
	late := b.monitor.Look(time.Now(), func(i int) bool {
		p := b.t.peers[i]
		if p == nil || !p.heard {
			return false
		}
		p.heard = false
		return true
	})
	for _, i := range late {
		b.t.broken(b.t.peers[i], pulse.Silence(b.monitor.Deadline()))
	}
}

func (b *beats) free() error { return b.memory.free() }
