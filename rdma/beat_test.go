//go:build rdma

package rdma

import (
	"errors"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/pulse"
	"jiajia/core/wire"
)

// deadline is long enough for devices that are emulated.
const deadline = 2 * time.Second

func TestBeats(t *testing.T) {
	nodetest.RunBeats(t, func(t testing.TB, handlers []node.Handler) (r []node.Transport) {
		for _, tr := range start(t, handlers, func(o *Options) { o.PeerTimeout = deadline }) {
			r = append(r, tr)
		}
		return r
	}, deadline)
}

// Hosts that have nothing to say are not lost while they beat; one that does not beat any more is, though its device answers and its
// loop runs, and whoever waits for it learns why.
func TestSilentHost(t *testing.T) {
	losses := []chan error{make(chan error, 2), make(chan error, 2)}
	ts := start(t, []node.Handler{deaf{losses[0]}, deaf{losses[1]}}, func(o *Options) { o.PeerTimeout = deadline })
	for _, tr := range ts {
		defer tr.Close()
	}
	box, err := ts[1].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- box.Recv(0, new(wire.Message), nil) }()
	time.Sleep(2 * deadline)
	silent := time.Now()
	ts[0].beats.clock.Stop()
	for what, c := range map[string]chan error{"the handler": losses[1], "who waits at a mailbox": waits} {
		var want pulse.Silence
		if err := <-c; !errors.As(err, &want) || time.Duration(want) != deadline {
			t.Errorf("%s is told %v", what, err)
		}
		took := time.Since(silent)
		if took < deadline-pulse.Interval(deadline) {
			t.Errorf("after %v already", took)
		}
		t.Logf("%s knows after %v", what, took)
	}
}
