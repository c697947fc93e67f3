package shm

import (
	"errors"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/pulse"
	"jiajia/core/wire"
)

const deadline = 500 * time.Millisecond

func TestBeats(t *testing.T) {
	nodetest.RunBeats(t, func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		for _, tr := range start(t, handlers, func(o *Options) { o.PeerTimeout = deadline }) {
			r = append(r, tr)
		}
		return r
	}, deadline)
}

// Hosts that have nothing to say are not lost while they beat; one that does not beat any more is, and whoever waits for it learns why.
func TestSilentHost(t *testing.T) {
	servants := []*servant{newServant(), newServant(), newServant()}
	var handlers []node.Handler
	for _, s := range servants {
		s.lost = make(chan error, len(servants))
		handlers = append(handlers, s)
	}
	ts := start(t, handlers, func(o *Options) {
		if o.Self != 2 { // which neither beats nor misses beats
			o.PeerTimeout = deadline
		}
	})
	for _, tr := range ts {
		defer tr.Close()
	}
	box, err := ts[1].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- box.Recv(0, new(wire.Message), nil) }()
	time.Sleep(3 * deadline)
	silent := time.Now()
	ts[0].clock.Stop()
	for what, c := range map[string]chan error{"the handler": servants[1].lost, "who waits at a mailbox": waits} {
		var want pulse.Silence
		if err := within(t, c, what); !errors.As(err, &want) || time.Duration(want) != deadline {
			t.Errorf("%s is told %v", what, err)
		}
		if took := time.Since(silent); took < deadline-pulse.Interval(deadline) {
			t.Errorf("after %v already", took)
		}
	}
	if len(servants[2].lost)+len(servants[1].lost) > 0 {
		t.Error("more was lost")
	}
}
