package core

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHomesByAttributes(t *testing.T) {
	for _, c := range []struct {
		name  string
		hosts int
		pages uint64
		attr  Attr
		want  []HostID
	}{
		{"no attribute deals single pages", 3, 5, Attr{}, []HostID{0, 1, 2, 0, 1}},
		{"cyclic blocks, from a host on", 3, 6, Attr{Block: 65, Host: 2}, []HostID{2, 2, 0, 0, 1, 1}},
		{"one block a host", 3, 7, Attr{Placement: Blocks}, []HostID{0, 0, 0, 1, 1, 1, 2}},
		{"one block a host, fewer pages than hosts", 4, 2, Attr{Placement: Blocks, Host: 3}, []HostID{3, 0}},
		{"one host", 3, 3, Attr{Placement: OneHost, Host: 1}, []HostID{1, 1, 1}},
		{"a list with hosts", 3, 6, Attr{Placement: Listed, Sizes: []uint64{64, 128, 0}, Hosts: []uint64{2, 0, 1}}, []HostID{2, 0, 0, 2, 0, 0}},
		{"a list without", 3, 6, Attr{Placement: Listed, Host: 1, Sizes: []uint64{64, 0, 65}}, []HostID{1, 0, 0, 1, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New(Config{Hosts: c.hosts, Pages: 100, PageSize: 64})
			first, err := m.AllocAttr(c.pages*64, &c.attr)
			if err != nil {
				t.Fatal(err)
			}
			var got []HostID
			for p := first; p < m.allocated; p++ {
				h, _ := m.Home(p)
				got = append(got, h)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("homes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttributesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name string
		size uint64
		attr Attr
		says string // "": no room
	}{
		{"no size", 0, Attr{}, "a size of 0"},
		{"an unknown placement", 64, Attr{Placement: placements}, "placement 5"},
		{"an odd alignment", 64, Attr{Alignment: 96}, "power of two"},
		{"a host that is not there", 64, Attr{Placement: OneHost, Host: 2}, "host 2 does not exist"},
		{"a negative host", 64, Attr{Host: ^uint64(0)}, "host -1 does not exist"},
		{"a host in the list that is not there", 64, Attr{Placement: Listed, Sizes: []uint64{1}, Hosts: []uint64{7}}, "host 7 in the list"},
		{"no list", 64, Attr{Placement: Listed}, "without a block"},
		{"a list of nothing", 64, Attr{Placement: Listed, Sizes: []uint64{0, 0}}, "without a block"},
		{"a list that overflows", 64, Attr{Placement: Listed, Sizes: []uint64{1 << 63, 1 << 63, 1 << 63}}, "more bytes than are reserved"},
		{"more than is reserved", 101 * 64, Attr{}, ""},
		{"the largest size", ^uint64(0), Attr{}, ""},
		{"a block as large", 64 * 100, Attr{Block: ^uint64(0), Alignment: 1 << 63}, ""},
		{"an alignment beyond the region", 64, Attr{Alignment: 1 << 30}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := New(Config{Hosts: 2, Pages: 100, PageSize: 64, Base: 1 << 20})
			_, err := m.AllocAttr(c.size, &c.attr)
			var is *Misuse
			switch {
			case c.says == "" && !errors.Is(err, ErrNoRoom):
				t.Errorf("%v, want %v", err, ErrNoRoom)
			case c.says != "" && (!errors.As(err, &is) || !strings.Contains(err.Error(), c.says)):
				t.Errorf("%v, want what says %q", err, c.says)
			}
			if p, err := m.Alloc(CallAlloc, 64); p != 0 || err != nil || m.allocCalls != 1 {
				t.Errorf("after it: page %d, %v, %d calls", p, err, m.allocCalls)
			}
		})
	}
}

// What an alignment skips is there for others.
func TestAlignment(t *testing.T) {
	const base = 1<<20 + 5*64
	m := New(Config{Hosts: 1, Pages: 100, PageSize: 64, Base: base})
	for _, c := range []struct {
		size, align uint64
		want        PageID
	}{
		{64, 1, 0}, {64, 256, 3}, {64, 512, 11}, {2 * 64, 8, 1}, {64, 128, 5}, {3 * 64, 64, 6}, {10 * 64, 64, 12}, {64, 64, 4},
	} {
		p, err := m.AllocAttr(c.size, &Attr{Alignment: c.align})
		if err != nil || p != c.want {
			t.Errorf("%d bytes aligned to %d: page %d, %v; want page %d", c.size, c.align, p, err, c.want)
		}
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
	}
}
