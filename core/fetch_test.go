package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/wire"
)

// asked is a request, as a test sees it.
type asked struct {
	read   bool
	home   HostID
	first  PageID
	count  uint64
	stride uint64
}

func requestsOf(fx *Effects) (list []asked) {
	for i := range fx.List {
		switch e := &fx.List[i]; e.Kind {
		case Send:
			m := &fx.Msgs[e.Msg]
			list = append(list, asked{false, e.Host, PageID(m.Obj), m.Version, m.Epoch})
		case Read:
			list = append(list, asked{true, e.Host, fx.PagesOf(e)[0], e.Count, 0})
		}
	}
	return list
}

// newFetcher returns host 0 of three, of which host 2 is reached if that is asked for, with pages dealt out from host 1 on in
// blocks of so many.
func newFetcher(t testing.TB, cfg Config, block, pages uint64, reached bool) *Machine {
	cfg.Hosts, cfg.Pages, cfg.PageSize = 3, pages, 64
	m := New(cfg)
	if reached {
		m.SetReached(2)
	}
	if _, err := m.Alloc(CallAlloc3, pages*64, block*64, 1); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRequests: a window goes out as few requests, each of one home, those to be read last.
func TestRequests(t *testing.T) {
	for _, c := range []struct {
		name    string
		block   uint64
		reached bool
		pages   []PageID
		want    []asked
	}{
		{"one", 8, false, []PageID{3}, []asked{{false, 1, 3, 1, 1}}},
		{"a run", 8, false, []PageID{3, 4, 5}, []asked{{false, 1, 3, 3, 1}}},
		{"out of order, and twice", 8, false, []PageID{5, 3, 4, 3}, []asked{{false, 1, 3, 3, 1}}},
		{"two homes", 8, false, []PageID{6, 7, 8, 9}, []asked{{false, 1, 6, 2, 1}, {false, 2, 8, 2, 1}}},
		{"dealt out", 1, false, []PageID{0, 1, 2, 3, 4, 5, 6}, []asked{{false, 1, 0, 3, 3}, {false, 2, 1, 2, 3}}},
		{"not equally far apart", 8, false, []PageID{0, 1, 2, 4, 6}, []asked{{false, 1, 0, 3, 1}, {false, 1, 4, 2, 2}}},
		{"reached", 8, true, []PageID{6, 7, 8, 11, 12}, []asked{{false, 1, 6, 2, 1}, {true, 2, 8, 3, 0}}},
		{"beyond", 8, false, []PageID{7, 1000}, []asked{{false, 1, 7, 1, 1}}},
		{"at home", 8, false, []PageID{15, 16, 17}, []asked{{false, 2, 15, 1, 1}}},
	} {
		m := newFetcher(t, Config{}, c.block, 24, c.reached)
		var fx Effects
		if _, err := m.Prefetch(1, c.pages, &fx); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, requestsOf(&fx), cmp.AllowUnexported(asked{})); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
	}
}

// TestReadAheadInFaults: a walk is fetched in windows, and the last page of each is noticed when it is used.
func TestReadAheadInFaults(t *testing.T) {
	const pages = 600
	m := newFetcher(t, Config{ReadAhead: 64}, pages, pages, false)
	var fx Effects
	requests, here := 0, make([]bool, pages)
	for p := range PageID(pages) {
		for tries := 0; !here[p]; tries++ {
			fx.Reset()
			st, err := m.Fault(1, p, false, &fx)
			for ; st == Await && err == nil; st, err = m.Resume(1, &fx) {
				for _, r := range requestsOf(&fx) {
					requests++
					fx.Reset()
					if err := m.Handle(&wire.Message{Type: wire.Page, From: r.home, Port: 1, Obj: uint64(r.first)}, &fx); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err != nil || st != Done || tries > 0 {
				t.Fatal(p, st, err, tries)
			}
			for _, e := range fx.List {
				if e.Kind != Map {
					t.Fatalf("%+v", e)
				}
				for q := e.Page; q < e.Page+PageID(e.Count); q++ {
					here[q] = true
				}
			}
		}
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	if ahead, unused := m.ReadAhead(); requests > 20 || ahead < pages*9/10 || unused != 0 {
		t.Errorf("%d requests, %d pages ahead, %d unused", requests, ahead, unused)
	}
}

// faults fetches a page from its home and gives it up again: what an access costs the machine.
func faults(t testing.TB, m *Machine, fx *Effects, page wire.Message, p PageID) {
	fx.Reset()
	st, err := m.Fault(1, p, false, fx)
	for i, n := 0, len(fx.Msgs); i < n && err == nil; i++ {
		page.Obj = fx.Msgs[i].Obj
		if err := m.Handle(&page, fx); err != nil {
			t.Fatal(err)
		}
		st, err = m.Resume(1, fx)
	}
	if st != Done || err != nil {
		t.Fatal(st, err)
	}
	if _, err = m.Evict(1, p, fx); err != nil {
		t.Fatal(err)
	}
}

// scattered is the i-th page of an order that nobody can guess.
func scattered(i int) PageID {
	z := uint64(i) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return PageID(z >> 32 % 65536)
}

func TestFaultAllocatesNothing(t *testing.T) {
	m := newFetcher(t, Config{ReadAhead: 128}, 65536, 65536, false)
	var fx Effects
	page := wire.Message{Type: wire.Page, From: 1, Port: 1}
	i := 0
	next := func() { faults(t, m, &fx, page, scattered(i)); i++ }
	for range 50000 {
		next()
	}
	if n := testing.AllocsPerRun(1000, next); n > 0 {
		t.Errorf("%v allocations a fault", n)
	}
}

func BenchmarkFault(b *testing.B) {
	for name, ahead := range map[string]int{"alone": 0, "read-ahead": 128} {
		b.Run(name, func(b *testing.B) {
			m := newFetcher(b, Config{ReadAhead: ahead}, 65536, 65536, false)
			var fx Effects
			page := wire.Message{Type: wire.Page, From: 1, Port: 1}
			for i := 0; b.Loop(); i++ {
				faults(b, m, &fx, page, scattered(i))
			}
		})
	}
}
