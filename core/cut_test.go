package core

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"jiajia/core/wire"
)

// cutHost is a job of one host under a driver that knows which pages can be written.
type cutHost struct {
	*testing.T
	m        *Machine
	writable []bool
	saved    map[PageID]bool
	effects  int // of the last checkpoint
	slowest  time.Duration
}

func newCutHost(t *testing.T, pages uint64) *cutHost {
	h := &cutHost{T: t, m: New(Config{Hosts: 1, Pages: pages, PageSize: 4096, Cuts: true}), writable: make([]bool, pages)}
	if _, err := h.m.Alloc(CallAlloc, pages*4096); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *cutHost) carryOut(fx *Effects) {
	for i := range fx.List {
		switch e := &fx.List[i]; e.Kind {
		case MapWrite, MapFresh, Protect, Discard:
			for p := e.Page; p < e.Page+PageID(e.Count); p++ {
				h.writable[p] = e.Kind == MapWrite || e.Kind == MapFresh
			}
		case Save:
			for p := e.Page; p < e.Page+PageID(e.Count); p++ {
				if h.saved[p] || h.writable[p] {
					h.Fatalf("page %d is saved twice, or while it can be written", p)
				}
				h.saved[p] = true
			}
		}
	}
	fx.Reset()
}

func (h *cutHost) write(p PageID) {
	if h.writable[p] {
		return
	}
	var fx Effects
	if st, err := h.m.Fault(1, p, true, &fx); st != Done || err != nil {
		h.Fatal(st, err)
	}
	h.carryOut(&fx)
}

// checkpoint returns how many pages one saves.
func (h *cutHost) checkpoint(c Cut, ok bool) int {
	h.m.PlanCut(c)
	var fx Effects
	h.saved, h.effects, h.slowest = map[PageID]bool{}, 0, 0
	began := time.Now()
	st, err := h.m.Barrier(1, 1, wire.KindCheckpoint, &fx)
	for {
		h.slowest = max(h.slowest, time.Since(began))
		h.effects += len(fx.List)
		h.carryOut(&fx)
		if err != nil || st != Done && st != Again {
			h.Fatal(st, err)
		}
		if st == Done {
			break
		}
		began = time.Now()
		st, err = h.m.Resume(1, &fx)
	}
	h.m.CutDone(ok, &fx)
	return len(h.saved)
}

// TestCutSavesWhatIsWritten: of many pages a checkpoint takes those that were written since the one before, and few others.
func TestCutSavesWhatIsWritten(t *testing.T) {
	const pages = 1 << 15
	h := newCutHost(t, pages+100)
	for p := range PageID(pages) {
		h.write(p)
	}
	if n := h.checkpoint(Cut{1, true}, true); n < pages || n > pages+64 {
		t.Errorf("%d pages are saved, %d were written", n, pages)
	}
	if h.effects > 100 {
		t.Errorf("%d effects for %d pages in a row", h.effects, pages)
	}
	r := rand.New(rand.NewPCG(1, 2))
	some := func() map[PageID]bool {
		m := map[PageID]bool{}
		for len(m) < pages/100 {
			p := PageID(r.IntN(pages))
			h.write(p)
			m[p] = true
		}
		return m
	}
	covers := func(generation uint64, of ...map[PageID]bool) {
		t.Helper()
		least := 0
		for _, m := range of {
			least += len(m)
			for p := range m {
				if !h.saved[p] {
					t.Fatalf("generation %d does not save page %d", generation, p)
				}
			}
		}
		if n := len(h.saved); n > least+least/20 {
			t.Errorf("generation %d saves %d pages of %d that were written", generation, n, least)
		}
	}
	one := some()
	h.checkpoint(Cut{2, false}, true)
	covers(2, one)
	two := some()
	h.checkpoint(Cut{3, false}, false)
	covers(3, two)
	three := some()
	h.checkpoint(Cut{4, false}, true)
	covers(4, two, three)
	if n := h.checkpoint(Cut{5, false}, true); n != 0 {
		t.Errorf("%d pages are saved, and none was written", n)
	}
	if n := h.checkpoint(Cut{6, true}, true); n < pages || n > pages+64 {
		t.Errorf("%d pages are saved of %d", n, pages)
	}
}

// TestWritingInOrderFaultsRarely: a walk over memory that was saved opens many pages with each fault, though they count as written.
func TestWritingInOrderFaultsRarely(t *testing.T) {
	const pages = 1 << 12
	h := newCutHost(t, pages)
	for round := range 2 {
		faults := 0
		for p := range PageID(pages) {
			if !h.writable[p] {
				faults++
			}
			h.write(p)
		}
		if faults > pages/64+10 {
			t.Errorf("round %d: %d faults for %d pages", round, faults, pages)
		}
		h.checkpoint(Cut{uint64(round) + 1, false}, true)
	}
}

// TestCutIsForAll: a host that cannot take checkpoints says so, and only host 0 begins one.
func TestCutIsForAll(t *testing.T) {
	release := func(m *Machine, msg wire.Message) error {
		var fx Effects
		if _, err := m.Barrier(1, 1, msg.Kind, &fx); err != nil {
			t.Fatal(err)
		}
		msg.Type, msg.Obj = wire.BarRelease, 1
		return m.Handle(&msg, &fx)
	}
	config := Config{Self: 1, Hosts: 3, Pages: 1, PageSize: 4096}
	var misuse *Misuse
	if err := release(New(config), wire.Message{Epoch: 2}); !errors.As(err, &misuse) {
		t.Errorf("a checkpoint on a host that takes none: %v", err)
	}
	config.Cuts = true
	for _, msg := range []wire.Message{{Epoch: 1}, {Epoch: 2, Kind: wire.KindWait}, {Epoch: 3, Kind: wire.KindExit}} {
		if err := release(New(config), msg); err == nil {
			t.Errorf("%+v is taken", msg)
		}
	}
	if err := release(New(config), wire.Message{Epoch: 2, Kind: wire.KindCheckpoint}); err != nil {
		t.Error(err)
	}
	var fx Effects
	config.Self, config.Hosts = 0, 2
	if err := New(config).Handle(&wire.Message{Type: wire.BarArrive, From: 1, Obj: 1, Epoch: 4}, &fx); err == nil {
		t.Error("host 1 begins a checkpoint")
	}
}

// BenchmarkCut marks 1 GiB, all of which was written or every hundredth page. ns/op is the machine's part of the time that a program
// stands still.
func BenchmarkCut(b *testing.B) {
	for _, every := range []PageID{1, 100} {
		b.Run(map[PageID]string{1: "all", 100: "one in 100"}[every], func(b *testing.B) {
			const pages = 1 << 18
			m := New(Config{Hosts: 1, Pages: pages, PageSize: 4096, Cuts: true})
			if _, err := m.Alloc(CallAlloc, pages*4096); err != nil {
				b.Fatal(err)
			}
			var fx Effects
			for i := range b.N {
				b.StopTimer()
				for p := PageID(0); p < pages; p += every {
					if s := m.StateOf(p); s != HomeUntracked {
						m.Fault(1, p, true, &fx)
						fx.Reset()
					}
				}
				m.PlanCut(Cut{uint64(i + 1), false})
				b.StartTimer()
				effects := 0
				for st, _ := m.Barrier(1, 1, wire.KindBarrier, &fx); ; st, _ = m.Resume(1, &fx) {
					effects += len(fx.List)
					fx.Reset()
					if st == Done {
						break
					}
				}
				b.ReportMetric(float64(effects), "effects/op")
				m.CutDone(true, &fx)
			}
		})
	}
}
