package node

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core"
	"jiajia/core/region"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// counts are NamedFields but for the time.
type counts [len(stats.NamedFields) - 1]uint64

func countsOf(r stats.Row) (c counts) {
	for i, f := range stats.NamedFields[1:] {
		c[i] = r[f]
	}
	return c
}

func (n *Node) namedCounts() (list []counts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.named.rows {
		list = append(list, countsOf(r))
	}
	return list
}

func (n *Node) mustAllocNamed(t *testing.T, name string, pages uint64) wire.PageID {
	t.Helper()
	at, err := n.AllocAttr(pages*peerPage, &core.Attr{Placement: core.OneHost, Host: 1, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return wire.PageID(at / peerPage)
}

// What concerns the pages of an allocation counts under its name, whether they are read directly or with messages.
func TestCountsByName(t *testing.T) {
	for _, shut := range []bool{false, true} {
		t.Run(fmt.Sprintf("shut=%v", shut), func(t *testing.T) {
			n, g := newGlass(t)
			n.BeginStats()
			g.shut = shut
			nameless := n.mustAllocNamed(t, "", 20)
			n.mustFault(t, nameless, region.Yes)
			if len(n.named.rows) != 0 {
				t.Error("something counts for a job without names")
			}
			a := n.mustAllocNamed(t, "a", 5)
			b := n.mustAllocNamed(t, "b", 5)
			n.mustAllocNamed(t, "", 5)
			again := n.mustAllocNamed(t, "a", 5)
			is := func(wantA, wantB counts) {
				t.Helper()
				if diff := cmp.Diff([]counts{wantA, wantB}, n.namedCounts()); diff != "" {
					t.Errorf("read faults, write faults, fetched, invalidated, diffs (-want +got):\n%s", diff)
				}
			}
			n.mustFault(t, a, region.No)
			n.mustFault(t, a, region.Yes)
			n.mustFault(t, again, region.Yes)
			n.mustFault(t, b, region.No)
			n.region.Frame(uint64(a))[7]++
			is(counts{1, 2, 2, 0, 0}, counts{1, 0, 1, 0, 0})
			if w := n.named.rows[0][stats.Faulting]; w == 0 || w > uint64(n.Stats()[stats.Elapsed]) {
				t.Errorf("%d ns of waiting", w)
			}
			n.Rendezvous(1, wire.KindBarrier) // sends the one page home that has changed
			is(counts{1, 2, 2, 0, 1}, counts{1, 0, 1, 0, 0})

			// Three pages at the end of one allocation, and all of the next two.
			n.mu.Lock()
			err := n.memory(nil, &core.Effects{List: []core.Effect{{Kind: core.Unmap, Page: a + 2, Count: 13}}})
			n.mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			is(counts{1, 2, 2, 3, 1}, counts{1, 0, 1, 5, 0})
		})
	}
}

// Windows hold for the counts by name as they do for the others.
func TestCountsByNameInWindows(t *testing.T) {
	n, _ := newGlass(t)
	n.BeginStats()
	p := n.mustAllocNamed(t, "a", 100)
	fault := func() { n.mustFault(t, p, region.No); p++ }
	before := n.Stats()[stats.ReadFaults]
	same := func(want uint64) {
		t.Helper()
		all, named := n.Stats()[stats.ReadFaults]-before, n.namedCounts()[0][0]
		if all != want || named != want {
			t.Errorf("%d read faults, %d by name, want %d", all, named, want)
		}
	}
	fault()
	same(1)
	n.Window(true) // drops what was before
	same(0)
	fault()
	n.Window(true)
	fault()
	same(2)
	n.Window(false)
	fault()
	same(2)
	n.Window(true)
	fault()
	same(3)
}

func namedRow(v uint64) (r stats.Row) {
	for i, f := range stats.NamedFields {
		r[f] = v + uint64(i)
	}
	return r
}

func TestGatheredNumbers(t *testing.T) {
	want := []*gathered{
		{row: stats.Row{stats.PagesFetched: 3}, charges: []charged{{4, namedRow(10)}, {1 << 40, namedRow(20)}}},
		nil,
		{row: stats.Row{stats.Elapsed: 5}},
	}
	var numbers []uint64
	for h, g := range want {
		if g != nil {
			numbers = g.append(numbers, wire.HostID(h))
		}
	}
	parse := func(numbers []uint64) ([]*gathered, error) {
		known := make([]*gathered, len(want))
		return known, parseGathered(numbers, known)
	}
	got, err := parse(numbers)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(gathered{}, charged{})); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	first := len(numbers) - (2 + stats.Len)
	for k := range numbers {
		if _, err := parse(numbers[:k]); (err == nil) != (k == 0 || k == first) {
			t.Errorf("%d numbers of %d: error %v", k, len(numbers), err)
		}
	}
	for _, at := range []int{0, 1 + stats.Len} { // the host, the number of names
		wrong := append([]uint64(nil), numbers...)
		wrong[at] = 1 << 62
		if _, err := parse(wrong); err == nil {
			t.Errorf("number %d may be anything", at)
		}
	}
}

func TestNamesOfHostZeroStandForAll(t *testing.T) {
	names := []core.Name{{Name: "a", Call: 0}, {Name: "b", Call: 3}}
	host := func(h int, v uint64) stats.Host { return stats.Host{Host: h, Row: namedRow(v)} }
	twice := namedRow(7).Plus(namedRow(8))
	for _, c := range []struct {
		name  string
		names []core.Name
		known []*gathered
		want  []stats.Named
	}{
		{"no names", nil, []*gathered{{}, {}}, []stats.Named{}},
		{"nothing counted", names, []*gathered{{}, nil}, []stats.Named{{Name: "a"}, {Name: "b"}}},
		{"the same allocations", names, []*gathered{{charges: []charged{{3, namedRow(1)}}}, nil, {charges: []charged{{0, namedRow(2)}, {3, namedRow(3)}}}},
			[]stats.Named{{Name: "a", Hosts: []stats.Host{host(2, 2)}}, {Name: "b", Hosts: []stats.Host{host(0, 1), host(2, 3)}}}},
		{"allocations that host 0 has not named apart", names, []*gathered{{}, {charges: []charged{{1, namedRow(7)}, {2, namedRow(8)}, {3, namedRow(1)}}}},
			[]stats.Named{{Name: "a"}, {Name: "b", Hosts: []stats.Host{host(1, 1)}}, {Name: core.OtherName, Hosts: []stats.Host{{Host: 1, Row: twice}}}}},
		{"others are there already", []core.Name{{Name: core.OtherName, Call: 9}}, []*gathered{{charges: []charged{{9, namedRow(7)}}}, {charges: []charged{{1, namedRow(8)}}}},
			[]stats.Named{{Name: core.OtherName, Hosts: []stats.Host{host(0, 7), host(1, 8)}}}},
	} {
		if diff := cmp.Diff(c.want, underNames(c.names, c.known)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
