package shm

import (
	"time"

	"jiajia/core/pulse"
)

// beat starts the thread that beats, and listens, if the hosts do so. The caller holds mu, and is within enter.
func (t *Transport) beat() {
	if t.o.PeerTimeout == 0 {
		return
	}
	m := pulse.NewMonitor(t.o.PeerTimeout, len(t.active), time.Now())
	t.bells.beats.Add(1) // at once: silence counts from the first beat on
	t.calls.Add(1)
	go func() {
		defer t.calls.Done()
		t.clock.Run(pulse.Interval(t.o.PeerTimeout), func(now time.Time) { t.beatOnce(m, now) })
	}()
}

// beatOnce beats, looks at what the peers have in their memory, and gives up those that are late.
func (t *Transport) beatOnce(m *pulse.Monitor, now time.Time) {
	t.bells.beats.Add(1)
	late := m.Look(now, func(i int) bool {
		p := t.active[i]
		before := p.beats
		p.beats = at[control](p.theirs, 0).beats.Load()
		return p.beats != before
	})
	for _, i := range late {
		t.broken(t.active[i], pulse.Silence(m.Deadline()))
	}
}
