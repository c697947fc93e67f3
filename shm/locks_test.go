package shm

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/wire"
)

// A deaf handler is never called, but for losses.
type deaf struct{ node.Handler }

func (deaf) Full() bool              { return false }
func (deaf) Lost(wire.HostID, error) {}

// lockers are so many hosts that share their locks.
func lockers(t testing.TB, hosts int) []core.LockWords {
	t.Helper()
	var handlers []node.Handler
	for range hosts {
		handlers = append(handlers, deaf{})
	}
	var words []core.LockWords
	for _, tr := range start(t, handlers, func(*Options) {}) {
		t.Cleanup(func() { tr.Close() })
		if w, _, _ := tr.LockWords(); w != nil {
			t.Fatal("locks are shared and nobody has said so")
		}
		tr.ShareLocks()
		w, below, room := tr.LockWords()
		if below != lockCells || room != offerNotices {
			t.Fatalf("%d locks, %d notices", below, room)
		}
		words = append(words, w)
	}
	return words
}

func TestCellFits(t *testing.T) {
	if size := unsafe.Sizeof(cell{}); size > cellBytes {
		t.Errorf("a cell has %d bytes", size)
	}
}

// TestLockQueue: each host that asks finds the one that asked before it, wherever the manager is.
func TestLockQueue(t *testing.T) {
	words := lockers(t, 3)
	for _, id := range []core.LockID{0, 1, 2, 3, lockCells - 1} {
		for i, want := range []struct {
			asks, before wire.HostID
		}{{1, -1}, {2, 1}, {0, 2}, {1, 0}} {
			before, ok, err := words[want.asks].Follow(id)
			if before != want.before || ok != (i > 0) || err != nil {
				t.Errorf("lock %d: host %d follows %d (%v), %v; not %d", id, want.asks, before, ok, err, want.before)
			}
		}
	}
}

// TestOffers: an offer is taken once, by one host or its own, with all that is in it; and only by who has seen enough.
func TestOffers(t *testing.T) {
	words := lockers(t, 2)
	const id = 5
	var full []wire.Notice
	for i := range uint64(offerNotices) {
		full = append(full, wire.Notice{Page: wire.PageID(3 * i), Count: i + 1, Version: 7 + i/2, Epoch: 2})
	}
	var got core.Offer
	if words[1].Take(id, 0, 100, &got) || words[0].TakeBack(id) {
		t.Fatal("what was never offered is there")
	}
	want := core.Offer{Version: 20, Epoch: 3, Since: 6, Notices: full}
	words[0].Offer(id, &want)
	if words[1].Take(id+1, 0, 100, &got) || words[1].Take(id, 1, 100, &got) || words[0].TakeBack(id+1) {
		t.Error("another lock was offered, or another host's")
	}
	if words[1].Take(id, 0, 5, &got) {
		t.Error("taken although notices are missing")
	}
	got.Since = want.Since // which the taker need not learn
	if !words[1].Take(id, 0, 6, &got) {
		t.Fatal("not taken")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if words[1].Take(id, 0, 6, &got) || words[0].TakeBack(id) {
		t.Error("taken twice")
	}
	words[0].Offer(id, &core.Offer{Version: 21})
	if !words[0].TakeBack(id) || words[0].TakeBack(id) || words[1].Take(id, 0, 100, &got) {
		t.Error("taken back and still there")
	}
	words[0].Offer(id, &core.Offer{Version: 22})
	if !words[1].Take(id, 0, 0, &got) || got.Version != 22 || len(got.Notices) != 0 {
		t.Errorf("took %+v", got)
	}
}

// TestOfferRace has two hosts after one offer: one of them gets it.
func TestOfferRace(t *testing.T) {
	words := lockers(t, 2)
	for v := range uint64(2000) {
		words[0].Offer(0, &core.Offer{Version: v, Notices: []wire.Notice{{Page: wire.PageID(v), Count: 1, Version: v}}})
		var back, taken bool
		var got core.Offer
		var both sync.WaitGroup
		both.Add(2)
		go func() { defer both.Done(); back = words[0].TakeBack(0) }()
		go func() { defer both.Done(); taken = words[1].Take(0, 0, v, &got) }()
		both.Wait()
		if back == taken || taken && (got.Version != v || got.Notices[0].Version != v) {
			t.Fatalf("version %d: taken back %v, taken %v: %+v", v, back, taken, got)
		}
	}
}

// TestDamagedCell: what a peer gone wild leaves there is no reason to crash.
func TestDamagedCell(t *testing.T) {
	words := lockers(t, 2)
	c := words[1].(locks).cell(0, 4)
	c.tail.Store(3)
	if _, _, err := words[1].Follow(4); !errors.Is(err, errCell) {
		t.Errorf("followed a host that there is not: %v", err)
	}
	words[0].Offer(4, &core.Offer{Version: 1})
	c.count = 1 << 60
	var got core.Offer
	if !words[1].Take(4, 0, 0, &got) || len(got.Notices) != offerNotices {
		t.Errorf("took %d notices", len(got.Notices))
	}
}

// TestLocksAfterClose: the memory is gone, and nobody looks for it.
func TestLocksAfterClose(t *testing.T) {
	words := lockers(t, 2)
	words[0].Offer(0, &core.Offer{Version: 1})
	if err := words[0].(locks).t.Close(); err != nil {
		t.Fatal(err)
	}
	var got core.Offer
	words[0].Offer(1, &core.Offer{Version: 2})
	_, _, err := words[0].Follow(0)
	if !errors.Is(err, net.ErrClosed) || words[0].TakeBack(0) || words[0].Take(0, 1, 0, &got) {
		t.Errorf("locks of a closed transport: %v", err)
	}
	if !words[1].Take(0, 0, 0, &got) { // which has not noticed yet
		t.Error("an offer of a host that has left is gone")
	}
}

func BenchmarkTakeOffer(b *testing.B) {
	words := lockers(b, 2)
	for _, n := range []int{0, 1, offerNotices} {
		b.Run(fmt.Sprintf("notices=%d", n), func(b *testing.B) {
			o := core.Offer{Notices: slices.Repeat([]wire.Notice{{Count: 1}}, n)}
			for i := range b.N {
				o.Version = uint64(i)
				words[i%2].Offer(7, &o)
				if _, _, err := words[1-i%2].Follow(7); err != nil || !words[1-i%2].Take(7, wire.HostID(i%2), 0, &o) {
					b.Fatal(err)
				}
			}
		})
	}
}
