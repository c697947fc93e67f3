package node

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"jiajia/core"
	"jiajia/core/region"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// keeperGlass is a transport that keeps some frames.
type keeperGlass struct {
	*glass
	keeps []Span
}

func (g *keeperGlass) Kept(dst []Span) []Span {
	dst = append(dst, g.keeps...)
	g.keeps = nil
	return dst
}

// TestMemoryStaysInTheBudget: what a host has of others' pages goes back, changed or not, and nothing is lost.
func TestMemoryStaysInTheBudget(t *testing.T) {
	for _, mode := range []region.Mode{region.Uffd, region.Mprotect} {
		for _, shut := range []bool{false, true} {
			for _, ahead := range []int{0, 128} {
				t.Run(fmt.Sprintf("%v/shut=%v/ahead=%d", mode, shut, ahead), func(t *testing.T) { staysInTheBudget(t, mode, shut, ahead) })
			}
		}
	}
}

func staysInTheBudget(t *testing.T, mode region.Mode, shut bool, ahead int) {
	const budget, pages, rounds = 16, 300, 3
	n, g := newGlassWith(t, Config{CachePages: budget, Fault: mode, ReadAhead: ahead})
	g.shut = shut
	n.Alloc(core.CallAlloc2p, pages*peerPage, 1)
	var want [pages]byte
	for p := range want {
		want[p] = g.page(wire.PageID(p))[9]
	}
	for range rounds {
		for p := range want {
			n.mustFault(t, wire.PageID(p), region.Yes)
			n.mu.Lock() // or the page may be sent home meanwhile
			if n.machine.StateOf(wire.PageID(p)) == core.Dirty {
				frame := n.region.Frame(uint64(p))
				if frame[9] != want[p] {
					t.Errorf("page %d: %d, want %d", p, frame[9], want[p])
				}
				frame[9]++
				want[p]++
			}
			used := n.region.Used()
			n.mu.Unlock()
			if used > (budget+2)*peerPage {
				t.Fatalf("page %d: %d pages are in use", p, used/peerPage)
			}
		}
	}
	n.Rendezvous(1, wire.KindBarrier)
	for p := range want {
		if got := g.page(wire.PageID(p))[9]; got != want[p] {
			t.Errorf("at the end, page %d: %d, want %d", p, got, want[p])
		}
	}
	r := n.Stats()
	if r[stats.PagesEvicted] < rounds*pages*3/4 || r[stats.CacheLimitBytes] != budget*peerPage || r[stats.MemoryBytes] > (budget+2)*peerPage {
		t.Errorf("%+v", r)
	}
}

// mustStore stores a byte in a page, as a thread of the program does: its access is tried again if the page went meanwhile.
func (n *Node) mustStore(t *testing.T, p wire.PageID, v byte) {
	t.Helper()
	for done := false; !done; {
		n.mustFault(t, p, region.Yes)
		n.mu.Lock()
		if done = n.machine.StateOf(p) == core.Dirty; done {
			n.region.Frame(uint64(p))[9] = v
		}
		n.mu.Unlock()
	}
}

// TestResizeGivesMemoryBack: before ResizeCache returns, but for what is on its way.
func TestResizeGivesMemoryBack(t *testing.T) {
	n, g := newGlassWith(t, Config{CachePages: 200, ReadAhead: 128})
	n.Alloc(core.CallAlloc2p, 300*peerPage, 1)
	for p := range wire.PageID(150) {
		n.mustStore(t, p, 77)
	}
	if err := n.ResizeCache(20 * peerPage); err != nil {
		t.Fatal(err)
	}
	for n.region.Used() > 20*peerPage {
		runtime.Gosched() // what the thread in the background has just sent home follows
	}
	n.Rendezvous(1, wire.KindBarrier)
	for p := range wire.PageID(150) {
		if g.page(p)[9] != 77 {
			t.Errorf("the change of page %d is lost", p)
		}
	}
	err := n.ResizeCache(15 * peerPage)
	if err == nil || !strings.Contains(err.Error(), "65536 bytes, 16 pages of 4096") {
		t.Error(err)
	}
	if _, most := n.machine.Cache(); most != 20 {
		t.Errorf("a limit of %d pages", most)
	}
}

// TestFramesThatATransportKeeps: they do not count, stay where they are, and read as zero when that is promised.
func TestFramesThatATransportKeeps(t *testing.T) {
	n, g := newGlassWith(t, Config{CachePages: 16})
	k := &keeperGlass{g, []Span{{Page: 0, Count: 100}}}
	n.Attach(k)
	n.Alloc(core.CallAlloc2, 200*peerPage, peerPage)
	for p := wire.PageID(1); p < 200; p += 2 {
		n.mustFault(t, p, region.No)
	}
	for p := wire.PageID(1); p < 100; p += 2 {
		g.sees(n, p)
	}
	if r := n.Stats(); r[stats.CacheBytes] > 16*peerPage || r[stats.CachedPages] < 50 {
		t.Errorf("%+v", r)
	}
	used := n.region.Used()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.discard(90, 20); err != nil {
		t.Fatal(err)
	}
	if now := n.region.Used(); now+16*peerPage < used {
		t.Errorf("%d bytes were given back", used-now)
	}
	for p := uint64(90); p < 110; p++ {
		if n.region.Frame(p)[0] != 0 {
			t.Errorf("page %d is not zero", p)
		}
	}
}
