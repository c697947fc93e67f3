package core

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesOfAllocations(t *testing.T) {
	m := New(Config{Hosts: 2, Pages: 1000, PageSize: 64})
	alloc := func(name string, pages uint64) PageID {
		t.Helper()
		p, err := m.AllocAttr(pages*64, &Attr{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	is := func(p PageID, name int, count uint64) {
		t.Helper()
		if n, k := m.Named(p); n != name || k != count {
			t.Errorf("page %d: name %d for %d pages, want %d for %d", p, n, k, name, count)
		}
	}
	a := alloc("a", 5)
	none := alloc("", 2)
	b := alloc("b", 1)
	again := alloc("a", 3)
	is(a, 0, 5)
	is(a+4, 0, 1)
	is(none, -1, 2)
	is(b, 1, 1)
	is(again+1, 0, 2)
	is(again+3, -1, 1)
	if diff := cmp.Diff([]Name{{"a", 0}, {"b", 2}}, m.Names()); diff != "" {
		t.Error(diff)
	}
	if _, err := m.AllocAttr(1<<40, &Attr{Name: "too large"}); err == nil || len(m.Names()) != 2 {
		t.Errorf("an allocation that failed with %v has left its name: %v", err, m.Names())
	}
}

func TestMoreNamesThanAreToldApart(t *testing.T) {
	for _, c := range []struct {
		first string // of the names
		want  int    // names in the end
		other int    // index of the one for the rest
	}{{"name", MostNames + 1, MostNames}, {OtherName, MostNames, 0}} {
		m := New(Config{Hosts: 2, Pages: 1000, PageSize: 64})
		for i := range 3 * MostNames {
			name := fmt.Sprint(c.first, i)
			if i == 0 {
				name = c.first
			}
			p, err := m.AllocAttr(64, &Attr{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			want := i
			if i >= MostNames {
				want = c.other
			}
			if got, _ := m.Named(p); got != want {
				t.Errorf("name number %d has index %d, want %d", i, got, want)
			}
		}
		if names := m.Names(); len(names) != c.want || names[c.other].Name != OtherName {
			t.Errorf("%d names: %v", len(names), names)
		}
	}
}
