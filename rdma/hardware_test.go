//go:build rdma

package rdma

import (
	"errors"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// TestUnshared is the suite on devices without shared receive queues.
func TestUnshared(t *testing.T) {
	unshared = true
	defer func() { unshared = false }()
	nodetest.Run(t, maker(0))
}

// TestReadsAgreed: where one end's device does fewer READs at once than the other's, both know.
func TestReadsAgreed(t *testing.T) {
	at := devices(t)
	for fewer := range 2 {
		var ts []*Transport
		var cards []string
		for i := range 2 {
			tr := New(options(i, 2, deaf{}, at))
			defer tr.Close()
			card, why := tr.Card()
			if card == "" {
				t.Fatal(why)
			}
			ts, cards = append(ts, tr), append(cards, card)
		}
		if ts[1-fewer].reads < 3 {
			t.Skip("the device does no more than 2")
		}
		ts[fewer].reads = 2
		errs := make(chan error)
		for _, tr := range ts {
			go func() { errs <- errors.Join(tr.Try(cards)...) }()
		}
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Fatal(err)
		}
		for i, tr := range ts {
			if got := tr.peers[1-i].join.reads; got != 2 {
				t.Errorf("host %d of 2, host %d with fewer: %d reads at once, not 2", i, fewer, got)
			}
		}
	}
}

// TestLobby: the keys to what peers may reach open nothing to who uses the queue pair that a stranger would have.
func TestLobby(t *testing.T) {
	lost := make(chan error, 2)
	memory := shared(t, nodetest.PageSize)
	ts := start(t, []node.Handler{deaf{}, deaf{lost}}, func(o *Options) {
		if o.Self == 0 {
			o.Memory = memory
		}
	})
	for _, tr := range ts {
		defer tr.Close()
	}
	p := ts[1].peers[0]
	c := p.service
	c.mu.Lock()
	err := c.qp.Write(c.head, []byte{1, 1, 1, 1, 1, 1, 1, 1}, 0, p.far.block.addr, p.far.block.key, verbs.Inline|verbs.Signaled)
	c.head++
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-lost:
		t.Log(err) // the refusal, or that the other end is gone, whose queue pair has failed as well
	case <-time.After(5 * time.Second):
		t.Error("the write was not refused")
	}
	if ts[0].exports.block[0] != 0 {
		t.Error("the bytes were written")
	}
}

// TestNoLane: a thread that may not lock the memory for reads asks for pages.
func TestNoLane(t *testing.T) {
	memory := shared(t, nodetest.PageSize)
	ts := start(t, []node.Handler{deaf{}, deaf{}}, func(o *Options) {
		if o.Self == 0 {
			o.Memory = memory
		}
	})
	for _, tr := range ts {
		defer tr.Close()
	}
	if err := ts[0].Publish([]node.Span{{Page: 0, Count: 1}}); err != nil {
		t.Fatal(err)
	}
	box, err := ts[1].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	lockNothing(t, func() {
		for range 2 {
			if ok, err := box.Read(0, []wire.PageID{0}, [][]byte{make([]byte, nodetest.PageSize)}); ok || err != nil {
				t.Errorf("read: %v, %v", ok, err)
			}
		}
	})
}
