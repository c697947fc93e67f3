package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/wire"
)

// A cacheHost is host 0 of three with a bounded cache, whose peers answer at once.
type cacheHost struct {
	t      testing.TB
	m      *Machine
	fx     Effects
	access map[PageID]EffectKind // Map or MapWrite
	frames map[PageID]bool
	hidden map[PageID]bool
	diffs  []uint64 // pages of each message
	asked  int      // NeedRoom
}

func newCacheHost(t testing.TB, budget, pages uint64, readAhead int) *cacheHost {
	return &cacheHost{t: t, m: newFetcher(t, Config{CachePages: budget, ReadAhead: readAhead}, 8, pages, false),
		access: map[PageID]EffectKind{}, frames: map[PageID]bool{}, hidden: map[PageID]bool{}}
}

// call carries a call of waiter 1 through.
func (h *cacheHost) call(begin func(fx *Effects) (Status, error)) {
	h.t.Helper()
	h.fx.Reset()
	st, err := begin(&h.fx)
	for {
		if err != nil {
			h.t.Fatal(err)
		}
		answers := h.carryOut()
		if err := h.m.Check(); err != nil {
			h.t.Fatal(err)
		}
		h.fx.Reset()
		switch {
		case st == Done && len(answers) == 0:
			return
		case st == Parked:
			h.t.Fatal("parked")
		}
		for i := range answers {
			if err := h.m.Handle(&answers[i], &h.fx); err != nil {
				h.t.Fatal(err)
			}
		}
		st, err = h.m.Resume(1, &h.fx)
	}
}

// carryOut does the effects and returns what the peers say to them.
func (h *cacheHost) carryOut() (answers []wire.Message) {
	open := map[uint64]uint64{}
	for i := range h.fx.List {
		e := &h.fx.List[i]
		for p := e.Page; p < e.Page+PageID(e.Count); p++ {
			switch e.Kind {
			case Map, MapWrite:
				h.access[p], h.frames[p] = e.Kind, true
				delete(h.hidden, p)
			case Protect:
				if h.access[p] == MapWrite {
					h.access[p] = Map
				}
			case Unmap, Hide, Discard:
				delete(h.access, p)
				h.hidden[p] = e.Kind == Hide
				if e.Kind == Discard {
					delete(h.frames, p)
				}
			}
		}
		switch e.Kind {
		case Diff:
			open[e.ID]++
		case SendDiff:
			h.diffs = append(h.diffs, open[e.ID])
			answers = append(answers, wire.Message{Type: wire.DiffAck, From: e.Host, Port: 1, Obj: e.ID})
		case Send:
			m := h.fx.Msgs[e.Msg]
			answers = append(answers, wire.Message{Type: wire.Page, From: e.Host, Port: 1, Obj: m.Obj})
			for i := range m.Version {
				h.frames[PageID(m.Obj+i*m.Epoch)] = true
			}
		case NeedRoom:
			h.asked++
		}
	}
	return answers
}

// touch is an access of the program.
func (h *cacheHost) touch(p PageID, write bool) {
	h.t.Helper()
	for tries := 0; h.access[p] == 0 || write && h.access[p] != MapWrite; tries++ {
		if tries == 3 {
			h.t.Fatalf("page %d is never here", p)
		}
		h.call(func(fx *Effects) (Status, error) { return h.m.Fault(1, p, write, fx) })
	}
}

func (h *cacheHost) reclaim() {
	h.t.Helper()
	h.call(func(fx *Effects) (Status, error) { return h.m.Reclaim(1, fx) })
}

// elsewhere lists pages that are homed elsewhere.
func (h *cacheHost) elsewhere(count int) (pages []PageID) {
	for p := PageID(0); len(pages) < count; p++ {
		if home, ok := h.m.Home(p); ok && home != 0 {
			pages = append(pages, p)
		}
	}
	return pages
}

// TestBudget: whatever a thread does, there are no more frames than there may be, and all are counted.
func TestBudget(t *testing.T) {
	for _, background := range []bool{false, true} {
		for _, ahead := range []int{0, 128} {
			h := newCacheHost(t, 16, 600, ahead)
			pages := h.elsewhere(300)
			for i := range 3000 {
				p := pages[i*7%300]
				if i > 1500 {
					p = pages[scattered(i)%300]
				}
				h.touch(p, i%3 == 0)
				frames := uint64(0)
				for q := range h.frames {
					if home, _ := h.m.Home(q); home != 0 {
						frames++
					}
				}
				counted, most := h.m.Cache()
				if counted != frames || frames > 16 || most != 16 {
					t.Fatalf("step %d: %d frames, counted %d of %d", i, frames, counted, most)
				}
				if background && h.asked > 0 {
					h.asked = 0
					h.reclaim()
					if frames, _ := h.m.Cache(); frames > 14 {
						t.Fatalf("step %d: %d frames are left of 16", i, frames)
					}
				}
			}
			if evicted, _, _ := h.m.Evictions(); evicted < 1000 {
				t.Errorf("%d pages evicted", evicted)
			}
		}
	}
}

// TestNoRoomNoReadAhead: what is read ahead takes the place of nothing.
func TestNoRoomNoReadAhead(t *testing.T) {
	h := newCacheHost(t, 64, 600, 128)
	pages := h.elsewhere(300)
	for _, p := range pages {
		h.touch(p, false)
	}
	ahead, unused := h.m.ReadAhead()
	if ahead < 100 || unused > ahead/10 {
		t.Errorf("%d pages ahead, %d unused", ahead, unused)
	}
	h = newCacheHost(t, 16, 600, 0)
	h.call(func(fx *Effects) (Status, error) { return h.m.Prefetch(1, pages[:40], fx) })
	if frames, _ := h.m.Cache(); frames != 16 {
		t.Errorf("a prefetch of 40 pages brought %d into a cache of 16", frames)
	}
}

// TestDirtyVictimsGoTogether: each home gets the changes of all victims in one message.
func TestDirtyVictimsGoTogether(t *testing.T) {
	h := newCacheHost(t, 128, 600, 0)
	for _, p := range h.elsewhere(128) {
		h.touch(p, true)
	}
	h.reclaim()
	if d := cmp.Diff([]uint64{8, 8}, h.diffs); d != "" {
		t.Errorf("pages in the diff messages: -want +got\n%s", d)
	}
	if frames, _ := h.m.Cache(); frames != 112 {
		t.Errorf("%d frames are left", frames)
	}
}

// TestNoProbingWhenAllFits: pages are hidden only when the cache is crowded, and found to be in use by their next access.
func TestNoProbingWhenAllFits(t *testing.T) {
	h := newCacheHost(t, 400, 1200, 0)
	pages := h.elsewhere(400)
	for _, p := range pages[:300] {
		h.touch(p, true)
	}
	h.reclaim()
	if _, probed, _ := h.m.Evictions(); probed != 0 || h.asked != 0 {
		t.Errorf("%d pages were hidden when all fit, and room was asked for %d times", probed, h.asked)
	}
	for _, p := range pages[300:] {
		h.touch(p, true)
		if h.asked > 0 {
			h.asked = 0
			h.reclaim()
		}
	}
	evicted, probed, _ := h.m.Evictions()
	if evicted == 0 || probed == 0 {
		t.Fatalf("%d evicted, %d hidden", evicted, probed)
	}
	twins := len(h.diffs)
	returned := uint64(0)
	for p, yes := range h.hidden {
		if yes {
			h.touch(p, true)
			returned++
		}
	}
	if _, _, seen := h.m.Evictions(); seen != returned || len(h.diffs) != twins {
		t.Errorf("%d pages came back, %d were seen to", returned, seen)
	}
}

func TestResizeCache(t *testing.T) {
	h := newCacheHost(t, 200, 600, 0)
	pages := h.elsewhere(100)
	for _, p := range pages {
		h.touch(p, true)
	}
	h.m.ResizeCache(40)
	h.reclaim()
	if frames, most := h.m.Cache(); frames > 40 || most != 40 {
		t.Errorf("%d of %d", frames, most)
	}
	h.m.ResizeCache(200)
	for _, p := range pages {
		h.touch(p, false)
	}
	if frames, most := h.m.Cache(); frames != 100 || most != 200 {
		t.Errorf("%d of %d", frames, most)
	}
}

// TestKeptFramesDoNotCount: what a device uses is neither counted nor given back.
func TestKeptFramesDoNotCount(t *testing.T) {
	h := newCacheHost(t, 16, 600, 0)
	pages := h.elsewhere(100)
	for _, p := range pages[:10] {
		h.touch(p, true)
	}
	h.m.Keep([]Span{{300, 300}, {0, 50}})
	h.m.Keep([]Span{{50, 30}})
	if frames, _ := h.m.Cache(); frames != 0 {
		t.Errorf("%d frames count", frames)
	}
	for _, p := range pages {
		h.touch(p, p%2 == 0)
	}
	h.reclaim()
	for _, p := range pages {
		if p < 80 && !h.frames[p] {
			t.Errorf("page %d was given back", p)
		}
	}
	for p, want := range map[PageID]struct {
		count uint64
		kept  bool
	}{0: {80, true}, 79: {1, true}, 80: {220, false}, 299: {1, false}, 300: {300, true}, 600: {^uint64(0), false}} {
		if count, kept := h.m.KeptRun(p); count != want.count || kept != want.kept {
			t.Errorf("page %d: %d, %v, want %+v", p, count, kept, want)
		}
	}
	if len(h.m.cache.kept) != 2 {
		t.Errorf("%v", h.m.cache.kept)
	}
}

func TestFaultInAFullCacheAllocatesNothing(t *testing.T) {
	m := newFetcher(t, Config{CachePages: 4096}, 65536, 65536, false)
	var fx Effects
	var answers []wire.Message
	i := 0
	next := func() {
		i++
		fx.Reset()
		st, err := m.Fault(1, scattered(i), i%2 == 0, &fx)
		for st != Done && err == nil {
			answers = answers[:0]
			for _, e := range fx.List {
				switch e.Kind {
				case Send:
					answers = append(answers, wire.Message{Type: wire.Page, From: 1, Port: 1, Obj: fx.Msgs[e.Msg].Obj})
				case SendDiff:
					answers = append(answers, wire.Message{Type: wire.DiffAck, From: 1, Port: 1, Obj: e.ID})
				}
			}
			fx.Reset()
			for k := range answers {
				if err := m.Handle(&answers[k], &fx); err != nil {
					t.Fatal(err)
				}
			}
			st, err = m.Resume(1, &fx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 200000 {
		next()
	}
	if n := testing.AllocsPerRun(1000, next); n > 0 {
		t.Errorf("%v allocations a fault", n)
	}
}

// TestPageThatComesBackStays: the cache knows a page again that it gave up shortly before.
func TestPageThatComesBackStays(t *testing.T) {
	h := newCacheHost(t, 16, 1200, 0)
	pages := h.elsewhere(400)
	set, scan := pages[:6], pages[6:]
	misses := 0
	for i, p := range scan {
		h.touch(p, false)
		if s := set[i%6]; h.access[s] == 0 {
			if !h.hidden[s] {
				misses++
			}
			h.touch(s, false)
		}
		if h.asked > 0 {
			h.asked = 0
			h.reclaim()
		}
	}
	if misses > len(scan)/4 {
		t.Errorf("of %d accesses to %d pages in use %d missed, beside a scan", len(scan), len(set), misses)
	}
}
