package shm

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// asleep sleeps in poll until a source is ready, in another goroutine; the channel tells when it is. A wake-up that was on its way
// when the source was armed may come for nothing.
func asleep(s node.Source) chan bool {
	woke := make(chan bool, 1)
	go func() {
		for {
			unix.Poll(s.Arm(nil), -1)
			s.Disarm()
			if s.Ready() {
				woke <- true
				return
			}
		}
	}()
	return woke
}

// TestSources waits for messages and for data in poll, as a thread does that waits for other transports, too.
func TestSources(t *testing.T) {
	hosts := []*servant{newServant(), newServant()}
	ts := start(t, []node.Handler{hosts[0], hosts[1]}, func(o *Options) {})
	for i, h := range hosts {
		h.t = ts[i]
		close(h.ready)
		defer ts[i].Close()
	}
	box, err := ts[0].OpenMailbox(1)
	if err != nil {
		t.Fatal(err)
	}
	quiet := func(what string, woke chan bool) {
		t.Helper()
		select {
		case <-woke:
			t.Errorf("%s: woken by nothing", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
	for range 50 {
		if box.Ready() {
			t.Fatal("a mailbox is ready in which nothing is")
		}
		woke := asleep(box)
		quiet("mailbox", woke)
		m := wire.Message{Type: wire.CVSet, Reply: box.ID()}
		if err := box.Send(1, &m); err != nil {
			t.Fatal(err)
		}
		within(t, woke, "the answer")
		if !box.Ready() {
			t.Fatal("woken, and not ready")
		}
		within(t, asleep(box), "what is there already")
		if err := box.Recv(wire.Any, &m, nil); err != nil {
			t.Fatal(err)
		}
	}

	feed := ts[0].Feed()
	if err := feed.Take(); err != nil {
		t.Fatal(err)
	}
	for i := range int64(50) {
		woke := asleep(feed)
		quiet("feed", woke)
		if err := ts[1].SendData(0, &wire.Message{Type: wire.Data, From: 1}); err != nil {
			t.Fatal(err)
		}
		within(t, woke, "data")
		if !feed.Ready() || hosts[0].data.Load() != i {
			t.Fatalf("ready %v, with %d messages taken", feed.Ready(), hosts[0].data.Load())
		}
		if err := feed.Turn(); err != nil || hosts[0].data.Load() != i+1 {
			t.Fatalf("%d messages, %v", hosts[0].data.Load(), err)
		}
	}
	woke := asleep(feed)
	ts[0].Recall()
	within(t, woke, "the recall")
	feed.Leave()

	woke = asleep(box)
	quiet("mailbox", woke)
	ts[1].Close()
	within(t, woke, "the end of the peer")
	if !box.Ready() {
		t.Error("a mailbox does not tell of a loss")
	}
}
