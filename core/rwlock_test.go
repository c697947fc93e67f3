package core

import (
	"testing"

	"jiajia/core/wire"
)

// TestLongNoticesOfAWriter: a writer's notices go to the manager in messages of bounded length, in order; the last one ends the
// scope, and the next grant has all of them.
func TestLongNoticesOfAWriter(t *testing.T) {
	const pages = 2*mostEnded + 5
	writer := New(Config{Self: 1, Hosts: 2, Pages: 4 * pages, PageSize: 64})
	manager := New(Config{Self: 0, Hosts: 2, Pages: 4 * pages, PageSize: 64})
	var fx Effects
	must := func(st Status, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(st, err)
		}
	}
	// deliver hands over what one has sent to the other, and returns the messages.
	deliver := func(to *Machine, from HostID) (msgs []wire.Message) {
		t.Helper()
		msgs = append(msgs, fx.Msgs...)
		fx.Reset()
		for i := range msgs {
			msgs[i].From = from
			if err := to.Handle(&msgs[i], &fx); err != nil {
				t.Fatal(err)
			}
		}
		return msgs
	}
	if _, err := writer.Alloc(CallAlloc2p, 4*pages*64, 1); err != nil {
		t.Fatal(err)
	}
	must(writer.RWLock(1, 1, 0, RWWrite, &fx))
	deliver(manager, 1)
	deliver(writer, 0)
	must(writer.Resume(1, &fx))
	for p := range PageID(pages) {
		writer.logPage(2 * p) // every second page, so that none joins another
	}
	must(writer.RWUnlock(1, 1, 0, &fx))
	sent := deliver(manager, 1)
	if len(sent) != 3 || sent[0].Epoch != endsMore || sent[1].Epoch != endsMore || sent[2].Epoch != endsWriter || len(sent[2].Notices) != 5 {
		t.Fatalf("%d messages, the last %+v", len(sent), sent[len(sent)-1])
	}
	deliver(writer, 0)
	if st, err := writer.Resume(1, &fx); st != Done || err != nil {
		t.Fatal(st, err)
	}
	fx.Reset()
	st, err := manager.RWLock(1, 1, 0, RWRead, &fx)
	for ; st == Again && err == nil; st, err = manager.Resume(1, &fx) {
		fx.Reset()
	}
	must(st, err)
	if k := manager.rwlocks[0]; k.count != 1 || k.seen != 1 || k.busy || k.reading != 1 {
		t.Errorf("version %d, seen %d, %d readers, a writer: %v", k.count, k.seen, k.reading, k.busy)
	}
	if n := len(manager.rwlocks[0].notices.newer(0, 0)); n != pages {
		t.Errorf("%d notices of %d", n, pages)
	}
}
