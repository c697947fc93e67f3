package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"jiajia/core/wire"
)

// TestPinsNest: a page is pinned while one Pin more than Unpin was for it; others are refused.
func TestPinsNest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const pages = 24
		m := newFetcher(t, Config{}, 8, pages, false)
		counts := make(map[Span]int)
		for range rapid.IntRange(1, 40).Draw(r, "calls") {
			s := Span{PageID(rapid.IntRange(0, pages).Draw(r, "page")), uint64(rapid.IntRange(1, 4).Draw(r, "count"))}
			if rapid.Bool().Draw(r, "pin") {
				if err := m.Pin(s.Page, s.Count); (err == nil) != (uint64(s.Page)+s.Count <= pages) {
					r.Fatalf("Pin(%v): %v", s, err)
				} else if err == nil {
					counts[s]++
				}
			} else {
				if ok := m.Unpin(s.Page, s.Count); ok != (counts[s] > 0) {
					r.Fatalf("Unpin(%v): %v, pinned %d times", s, ok, counts[s])
				} else if ok {
					counts[s]--
				}
			}
			var want [pages]bool
			for s, n := range counts {
				for p := s.Page; n > 0 && p < s.Page+PageID(s.Count); p++ {
					want[p] = true
				}
			}
			for p := range PageID(pages) {
				if got := m.pages.at(m, p).flags&flagPinned != 0; got != want[p] {
					r.Fatalf("page %d pinned: %v", p, got)
				}
			}
		}
	})
}

func kinds(fx *Effects) (list []EffectKind) {
	for i := range fx.List {
		list = append(list, fx.List[i].Kind)
	}
	fx.Reset()
	return list
}

// TestPinnedHomePage: serving it leaves it writable, and a thread that protects it hears of it.
func TestPinnedHomePage(t *testing.T) {
	const p = 16 // homed here
	for _, pinned := range []bool{false, true} {
		m := newFetcher(t, Config{}, 8, 24, false)
		var fx Effects
		if pinned {
			if err := m.Pin(p, 1); err != nil {
				t.Fatal(err)
			}
		}
		if st, err := m.Fault(1, p, true, &fx); st != Done || err != nil {
			t.Fatal(st, err)
		}
		fx.Reset()
		if err := m.Handle(&wire.Message{Type: wire.GetPage, From: 1, Obj: p, Version: 1, Epoch: 1}, &fx); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(kinds(&fx), Protect); got == pinned {
			t.Errorf("pinned %v: serving the page protects it: %v", pinned, got)
		}
		if !pinned {
			continue
		}
		for _, call := range []func() (Status, error){
			func() (Status, error) { return m.Lock(2, 7, 0, &fx) },
			func() (Status, error) { return m.Unlock(2, 7, 0, &fx) },
		} {
			if st, err := call(); st != Done || err != nil {
				t.Fatal(st, err)
			}
		}
		if got := kinds(&fx); !slices.Contains(got, Protect) {
			t.Errorf("unlocking had the effects %v", got)
		}
		if got := m.Lapsed(1, nil); len(got) > 0 {
			t.Errorf("waiter 1 took access to %v away", got)
		}
		if got := m.Lapsed(2, nil); !slices.Equal(got, []PageID{p}) {
			t.Errorf("waiter 2 took access to %v away", got)
		}
		if got := m.Lapsed(2, nil); len(got) > 0 {
			t.Errorf("and again to %v", got)
		}
	}
}

// TestPinnedCopyStays: it is not evicted.
func TestPinnedCopyStays(t *testing.T) {
	const p = 3 // homed at host 1
	m := newFetcher(t, Config{}, 8, 24, false)
	var fx Effects
	if st, err := m.Prefetch(1, []PageID{p}, &fx); st != Await || err != nil {
		t.Fatal(st, err)
	}
	if err := m.Handle(&wire.Message{Type: wire.Page, From: 1, Port: 1, Obj: p}, &fx); err != nil {
		t.Fatal(err)
	}
	if st, err := m.Resume(1, &fx); st != Done || err != nil {
		t.Fatal(st, err)
	}
	fx.Reset()
	for _, want := range []State{ReadOnly, Absent} {
		if want == ReadOnly {
			if err := m.Pin(p, 1); err != nil {
				t.Fatal(err)
			}
		} else if !m.Unpin(p, 1) {
			t.Fatal("page 3 was not pinned")
		}
		if st, err := m.Evict(1, p, &fx); st != Done || err != nil {
			t.Fatal(st, err)
		}
		if got := m.StateOf(p); got != want {
			t.Errorf("after an eviction page 3 is %v, want %v", got, want)
		}
	}
}
