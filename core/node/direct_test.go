package node

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"jiajia/core"
	"jiajia/core/diff"
	"jiajia/core/region"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

const (
	peerPages = 512
	peerPage  = 4096
)

// A glass is a transport with one peer, host 1, whose memory host 0 reaches. The peer answers as a home does, and at barriers as
// one that writes nothing.
type glass struct {
	Transport // what is not needed is nil
	t         *testing.T
	mu        sync.Mutex
	memory    []byte      // of the peer
	shut      bool        // nothing can be reached at the moment
	blank     wire.PageID // which the peer has never written
	marks     []wire.PageID
	published []Span
	reads     [][]wire.PageID
	writes    int
	replies   int // of this host
	arrived   wire.Message
}

func (g *glass) Reaches(h wire.HostID) bool                        { return h == 1 }
func (g *glass) Publish(home []Span) error                         { g.published = append(g.published, home...); return nil }
func (g *glass) OpenMailbox(id uint32) (Mailbox, error)            { return &glassBox{g: g, id: id}, nil }
func (g *glass) OpenLink(wire.HostID) (Link, error)                { return (*glassLink)(g), nil }
func (g *glass) Reply(wire.HostID, *wire.Message, ...[]byte) error { g.replies++; return nil }

func (g *glass) Marked(dst []wire.PageID) []wire.PageID {
	dst = append(dst, g.marks...)
	g.marks = nil
	return dst
}

type glassLink glass

func (l *glassLink) Send(m *wire.Message) error {
	l.arrived = *m
	l.arrived.Ranges = slices.Clone(m.Ranges)
	return nil
}

func (l *glassLink) Recv(m *wire.Message) error {
	*m = l.arrived
	m.From, m.Ranges = 1, nil
	return nil
}

type glassBox struct {
	Mailbox
	g       *glass
	id      uint32
	answers []func(m *wire.Message, frames [][]byte)
}

func (b *glassBox) ID() uint32 { return b.id }

func (g *glass) page(p wire.PageID) []byte { return g.memory[p*peerPage : (p+1)*peerPage] }

func (b *glassBox) Read(from wire.HostID, pages []wire.PageID, frames [][]byte) (bool, error) {
	if b.g.shut {
		return false, nil
	}
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	b.g.reads = append(b.g.reads, pages)
	for i, p := range pages {
		copy(frames[i], b.g.page(p))
	}
	return true, nil
}

func (b *glassBox) apply(stream []byte) {
	b.g.mu.Lock()
	defer b.g.mu.Unlock()
	if err := diff.ApplyAt(unsafe.Pointer(&b.g.memory[0]), peerPage, peerPages, stream); err != nil {
		b.g.t.Error(err)
	}
}

func (b *glassBox) Write(to wire.HostID, stream []byte) (bool, error) {
	if b.g.shut {
		b.apply(stream) // some bytes may have been stored
		return false, nil
	}
	b.apply(stream)
	b.g.mu.Lock()
	b.g.writes++
	b.g.mu.Unlock()
	return true, nil
}

func (b *glassBox) Send(to wire.HostID, m *wire.Message, body ...[]byte) error {
	q := *m
	switch q.Type {
	case wire.GetPage:
		b.answers = append(b.answers, func(m *wire.Message, frames [][]byte) {
			*m = wire.Message{Type: wire.Page, From: 1, Port: b.id, Obj: q.Obj}
			if uint64(len(frames)) != q.Version {
				b.g.t.Errorf("%d frames for %d pages", len(frames), q.Version)
			}
			for i, f := range frames {
				if p := wire.PageID(q.Obj + uint64(i)*q.Epoch); p != b.g.blank {
					m.Carry(i)
					m.Length += peerPage
					copy(f, b.g.page(p))
				}
			}
		})
	case wire.Diff:
		b.apply(slices.Concat(body...))
		b.answers = append(b.answers, func(m *wire.Message, _ [][]byte) {
			*m = wire.Message{Type: wire.DiffAck, From: 1, Port: b.id, Obj: q.Obj}
		})
	default:
		return fmt.Errorf("host 1 has no answer to %v", q.Type)
	}
	return nil
}

func (b *glassBox) Recv(from wire.HostID, m *wire.Message, frames [][]byte) error {
	b.answers[0](m, frames)
	b.answers = b.answers[1:]
	return nil
}

// newGlass returns host 0 of two, which reaches host 1.
func newGlass(t *testing.T) (*Node, *glass) { return newGlassWith(t, Config{}) }

func newGlassWith(t *testing.T, cfg Config) (*Node, *glass) {
	g := &glass{t: t, memory: make([]byte, peerPages*peerPage), blank: peerPages}
	for i := range g.memory {
		g.memory[i] = byte(1 + i/peerPage + i%251)
	}
	cfg.Hosts, cfg.RegionBytes, cfg.PageSize, cfg.Fail = 2, peerPages*peerPage, peerPage, func(line string) { panic(line) }
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.region.Close(); err != nil {
			t.Error(err)
		}
	})
	n.Attach(g)
	if err := n.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the region goes
		close(n.over)
		n.background.Wait()
	})
	n.BeginStats()
	return n, g
}

// call makes a call into the machine that is none of the program's.
func (n *Node) call(step func(w core.Waiter, fx *core.Effects) (core.Status, error)) error {
	t := n.getThread()
	defer n.putThread(t)
	n.mu.Lock()
	st, err := step(t.id, &t.fx)
	return n.run(t, st, err)
}

func (n *Node) mustFault(t *testing.T, p wire.PageID, write region.Write) {
	t.Helper()
	if !n.fault(uint64(p), write) {
		t.Fatalf("page %d is not allocated", p)
	}
}

// sees checks that the frame of a page holds what its home has, or zeros where that is blank.
func (g *glass) sees(n *Node, pages ...wire.PageID) {
	g.t.Helper()
	for _, p := range pages {
		want := g.page(p)
		if p == g.blank {
			want = make([]byte, peerPage)
		}
		if !bytes.Equal(n.region.Frame(uint64(p)), want) {
			g.t.Errorf("page %d is not as at its home", p)
		}
	}
}

func expectCounts(t *testing.T, n *Node, want map[stats.Field]uint64) {
	t.Helper()
	r := n.counted()
	for f, w := range want {
		if r[f] != w {
			t.Errorf("%s: %d, want %d", stats.Fields[f].Name, r[f], w)
		}
	}
}

// Pages that were never here and pages that were, in runs and alone, read and, where that cannot be, asked for.
func TestPagesOfAReachedHost(t *testing.T) {
	for _, shut := range []bool{false, true} {
		t.Run(fmt.Sprintf("shut=%v", shut), func(t *testing.T) {
			n, g := newGlass(t)
			n.Alloc(core.CallAlloc2p, 300*peerPage, 1)
			n.mustFault(t, 3, region.No)
			n.mustFault(t, 5, region.No)
			g.sees(n, 3, 5)
			if g.shut = shut; shut {
				g.blank = 33
			}
			for _, pages := range [][]wire.PageID{
				{7}, {7},
				{6, 7, 8, 9}, {6, 7, 8, 9}, // one of these was here; all were
				{30, 31, 32, 33, 34}, {30, 31, 32, 33, 34},
				{100, 102, 104, 106},
				{104, 106, 107, 108, 111, 113, 115},
				run(150, wire.MaxWindow), run(160, 10), run(140, wire.MaxWindow),
			} {
				g.fetch(n, pages)
			}
			r := n.counted()
			if !shut && r[stats.MessagesSent]+r[stats.MessagesReceived] != 0 {
				t.Error("messages were sent for pages that are read")
			}
			if shut && (r[stats.PagesRead] != 2 || r[stats.MessagesSent] != r[stats.MessagesReceived] || len(g.reads) != 2) {
				t.Errorf("pages were read that cannot be: %+v", r)
			}
		})
	}
}

func run(first wire.PageID, count int) (pages []wire.PageID) {
	for i := range count {
		pages = append(pages, first+wire.PageID(i))
	}
	return pages
}

// fetch has a host fetch pages and checks them; then it drops them, and the peer changes its own.
func (g *glass) fetch(n *Node, pages []wire.PageID) {
	g.t.Helper()
	before := n.counted()
	if err := n.call(func(w core.Waiter, fx *core.Effects) (core.Status, error) { return n.machine.Prefetch(w, pages, fx) }); err != nil {
		g.t.Fatal(err)
	}
	g.sees(n, pages...)
	did, fetched := n.counted().Since(before), uint64(len(pages))
	if did[stats.PagesFetched] != fetched || did[stats.PagesRead] != fetched && !g.shut || did[stats.PagesRead] != 0 && g.shut {
		g.t.Errorf("%d pages: %d counted as fetched, %d as read", fetched, did[stats.PagesFetched], did[stats.PagesRead])
	}
	for _, p := range pages {
		if err := n.call(func(w core.Waiter, fx *core.Effects) (core.Status, error) { return n.machine.Evict(w, p, fx) }); err != nil {
			g.t.Fatal(err)
		}
		for i := range g.page(p) {
			g.page(p)[i]++
		}
	}
}

// Changes go to the home's memory, or as a message where that cannot be, and either way are there before the barrier.
func TestChangesOfAReachedHostsPages(t *testing.T) {
	n, g := newGlass(t)
	n.Alloc(core.CallAlloc2p, 300*peerPage, 1)
	want := map[stats.Field]uint64{}
	for round, shut := range []bool{false, true, false} {
		g.shut = shut
		pages := run(3, 100)
		for _, p := range pages {
			n.mustFault(t, p, region.Yes)
			n.region.Frame(uint64(p))[17] += byte(round + 1)
		}
		n.mustFault(t, 200, region.Yes) // and not changed
		n.Rendezvous(1, wire.KindBarrier)
		g.sees(n, append(pages, 200)...)
		want[stats.DiffsSent] += 100
		want[stats.Twins] += 101
		if !shut {
			want[stats.DiffsWritten] += 100
			want[stats.MessagesSent]++ // the barrier's
		} else {
			want[stats.MessagesSent] += 1 + 2 // 64 pages a message
			want[stats.MessagesReceived] += 2
		}
		want[stats.MessagesReceived]++
		r := n.counted()
		if round == 0 && r[stats.PagesRead] != 101 {
			t.Errorf("%d pages were read", r[stats.PagesRead])
		}
		expectCounts(t, n, want)
	}
	if g.writes != 4 {
		t.Errorf("the peer's memory was written %d times", g.writes)
	}
}

// A page that the peer has read by itself is announced when it was written, and only then.
func TestPagesThatAPeerHasRead(t *testing.T) {
	n, g := newGlass(t)
	n.Alloc(core.CallAlloc2p, 100*peerPage, 0)
	n.Alloc(core.CallAlloc3, 20*peerPage, 2*peerPage, 1)
	want := []Span{{Page: 0, Count: 100}}
	for p := wire.PageID(102); p < 120; p += 4 {
		want = append(want, Span{Page: p, Count: 2})
	}
	if !slices.Equal(g.published, want) {
		t.Errorf("published %v, want %v", g.published, want)
	}
	announced := func(want ...wire.Range) {
		t.Helper()
		n.Rendezvous(1, wire.KindBarrier)
		if !slices.Equal(g.arrived.Ranges, want) {
			t.Errorf("announced %v, want %v", g.arrived.Ranges, want)
		}
	}
	n.mustFault(t, 0, region.Yes) // and what follows it, as it is fresh
	n.region.Frame(0)[0] = 1
	announced()
	g.marks = []wire.PageID{0, 7}
	announced(wire.Range{Page: 0, Count: 1}, wire.Range{Page: 7, Count: 1})
	announced()
}

// TestNothingIsAllocated: fetching a page of a reached host, and serving pages, take no memory of Go's.
func TestNothingIsAllocated(t *testing.T) {
	if sanitized {
		t.Skip("the sanitizers allocate")
	}
	n, g := newGlass(t)
	n.Alloc(core.CallAlloc2p, 10*peerPage, 1)
	n.Alloc(core.CallAlloc2p, 300*peerPage, 0)
	th := n.getThread()
	drop := func() {
		n.mu.Lock()
		st, err := n.machine.Evict(th.id, 4, &th.fx)
		if err := n.run(th, st, err); err != nil {
			t.Fatal(err)
		}
	}
	g.reads = make([][]wire.PageID, 0, 1000)
	if allocs := testing.AllocsPerRun(200, func() {
		n.mustFault(t, 4, region.No)
		drop()
	}); allocs != 0 {
		t.Errorf("a read of a page allocates %v times", allocs)
	}
	h := n.Handler()
	m := wire.Message{Type: wire.GetPage, From: 1, Reply: 1, Obj: 20, Version: wire.MaxWindow, Epoch: 2}
	if allocs := testing.AllocsPerRun(200, func() { h.Serve(&m, nil) }); allocs != 0 || g.replies != 201 {
		t.Errorf("serving a window allocates %v times; %d replies", allocs, g.replies)
	}
	expectCounts(t, n, map[stats.Field]uint64{stats.PagesServed: 201 * wire.MaxWindow})
}
